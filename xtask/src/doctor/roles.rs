//! What the policies of the stack's roles say: all that the template grants, and nothing else.
//! Policies of the organisation, of a secret or of a key are not read.

use std::collections::BTreeSet;

use aws_sdk_iam::Client;
use serde_json::Value;

use super::finding::{Finding, PUT_BACK, Refusal, or_good};
use super::target::Deployment;
use super::template::{Resource, Template, each, text};

/// One line for each role, or one for what it lacks and one for what it may do more.
pub(super) async fn examine(deployment: &Deployment, templates: &[Template]) -> Vec<Finding> {
    let client = Client::new(&deployment.config);
    let mut findings = Vec::new();
    for role in templates.iter().flat_map(|template| template.resources("AWS::IAM::Role")) {
        let name = role.name("Role");
        let found = match live(&client, &role).await {
            Ok(live) => compare(&name, &granted(&role), &live),
            Err(refusal) => {
                let absent = Finding::wrong(format!("the role of {name} does not exist"), PUT_BACK);
                vec![refusal.unless_absent(format!("what the role of {name} allows"), absent)]
            }
        };
        findings.extend(or_good(
            found,
            format!("the role of {name} allows what the template grants, and no more"),
        ));
    }
    findings
}

fn compare(name: &str, granted: &BTreeSet<String>, live: &BTreeSet<String>) -> Vec<Finding> {
    if granted.iter().any(|rule| rule.contains("\"Fn::") || rule.contains("\"Ref\"")) {
        let why = "its policies name something of a kind that doctor does not know";
        return vec![Finding::unknown(format!("what the role of {name} allows"), why)];
    }
    let list = |rules: Vec<&String>| rules.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let less = list(granted.difference(live).collect());
    let more = list(live.difference(granted).collect());
    let less = (!less.is_empty()).then(|| {
        Finding::wrong(format!("the role of {name} lacks what the template grants: {less}"), PUT_BACK)
    });
    let more = (!more.is_empty()).then(|| {
        Finding::wrong(
            format!("the role of {name} has what the template does not grant: {more}"),
            "remove it from the role, unless you want it",
        )
    });
    less.into_iter().chain(more).collect()
}

/// The rules of the template.
fn granted(role: &Resource) -> BTreeSet<String> {
    let documents = each(&role.properties["Policies"]).map(|policy| &policy["PolicyDocument"]);
    let attached = each(&role.properties["ManagedPolicyArns"]).map(attached);
    documents.flat_map(rules).chain(attached).collect()
}

/// The rules of the policies that the role has now.
async fn live(client: &Client, role: &Resource) -> Result<BTreeSet<String>, Refusal> {
    let name = &role.physical_id;
    let mut found = BTreeSet::new();
    let policies = client.list_role_policies().role_name(name).send().await;
    let policies = policies.map_err(|error| Refusal::of("iam:ListRolePolicies", &error))?;
    for policy in policies.policy_names() {
        let answer = client.get_role_policy().role_name(name).policy_name(policy).send().await;
        let answer = answer.map_err(|error| Refusal::of("iam:GetRolePolicy", &error))?;
        // IAM percent-encodes the document.
        let encoded = format!("document={}", answer.policy_document());
        let document = url::form_urlencoded::parse(encoded.as_bytes()).next();
        let document = document.and_then(|(_, text)| serde_json::from_str(&text).ok()).unwrap_or_default();
        found.extend(rules(&document));
    }
    let answer = client.list_attached_role_policies().role_name(name).send().await;
    let answer = answer.map_err(|error| Refusal::of("iam:ListAttachedRolePolicies", &error))?;
    let arns = answer.attached_policies().iter().filter_map(|policy| policy.policy_arn());
    found.extend(arns.map(|arn| attached(&arn.into())));
    Ok(found)
}

fn attached(arn: &Value) -> String {
    format!("the policy {}", printable(&text(arn)))
}

/// Each action on each resource, in words. The order of statements and lists does not matter.
fn rules(document: &Value) -> Vec<String> {
    let mut rules = Vec::new();
    for statement in each(&document["Statement"]) {
        let condition = match &statement["Condition"] {
            Value::Null => String::new(),
            condition => format!(" if {}", printable(&as_lists(condition).to_string())),
        };
        let denial = if statement["Effect"] == "Allow" { "" } else { "denial of " };
        // The template has neither, and what is excepted may be anything.
        let rest = ["NotAction", "NotResource"].into_iter().any(|name| statement.get(name).is_some());
        let rest = if rest { " with exceptions" } else { "" };
        for action in each(&statement["Action"]).chain(each(&statement["NotAction"])) {
            for resource in each(&statement["Resource"]).chain(each(&statement["NotResource"])) {
                let (action, resource) = (printable(&text(action)), printable(&text(resource)));
                rules.push(format!("{denial}{action} on {resource}{condition}{rest}"));
            }
        }
    }
    rules
}

/// The values of a condition are lists, also if they are written as one value.
fn as_lists(condition: &Value) -> Value {
    match condition {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), as_lists(value))).collect()
        }
        list @ Value::Array(_) => list.clone(),
        one => Value::Array(vec![one.clone()]),
    }
}

/// What somebody wrote into a policy, without what could confuse a terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|letter| letter.is_ascii_graphic() || *letter == ' ').take(200).collect()
}
