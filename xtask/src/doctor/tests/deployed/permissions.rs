//! IAM's simulator with the template's policies, and what doctor makes of its answers.

use axum::body::Body;
use axum::http::Response;
use serde_json::json;

use crate::doctor::functions::{AUTH_START, LIST_MESSAGES, OAUTH_CALLBACK};
use crate::doctor::permissions;
use crate::doctor::tests::cloud::{deployed, function, serve};

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/of-the-owner";
const AGAIN: &str = "deploy the template again, or take the statement out of the role's policies";

/// What the simulator is asked.
struct Question<'a> {
    role: &'a str,
    action: &'a str,
    resource: &'a str,
    via: &'a str,
}

impl Question<'_> {
    fn is(&self, role: &str, action: &str, resource: &str) -> bool {
        self.role == role && self.action == action && self.resource.contains(resource)
    }

    /// Whether the template's policies allow it.
    fn is_granted(&self) -> bool {
        let Self { role, action, resource, via } = *self;
        match action.split_once(':').unwrap() {
            ("logs", "CreateLogStream" | "PutLogEvents") => {
                resource.contains(&format!(":/postern/postern/{role}:"))
            }
            ("secretsmanager", "GetSecretValue") => resource.contains("postern/"),
            ("kms", "Decrypt") => via.starts_with("secretsmanager.") || role != AUTH_START,
            ("dynamodb", action) if role == OAUTH_CALLBACK => match resource.rsplit('/').next() {
                Some("CredentialsTable") => ["GetItem", "UpdateItem"].contains(&action),
                _ => ["PutItem", "DeleteItem"].contains(&action),
            },
            ("dynamodb", "GetItem") => role == LIST_MESSAGES && resource.ends_with("CredentialsTable"),
            ("dynamodb", "BatchGetItem" | "UpdateItem") => role == LIST_MESSAGES,
            _ => false,
        }
    }
}

/// Doctor's lines when the simulator answers `decide`: allowed or not, or nothing; and with a key, or with none.
async fn lines(
    key: Option<&'static str>,
    decide: impl Fn(&Question<'_>) -> Option<bool> + Clone + Send + Sync + 'static,
) -> Vec<String> {
    let url = serve(move |headers, body| {
        let answer = match headers.get("x-amz-target").map(|target| target.to_str().unwrap()) {
            Some("secretsmanager.DescribeSecret") => json!({ "KmsKeyId": key }).to_string(),
            Some("DynamoDB_20120810.DescribeTable") => {
                json!({ "Table": { "SSEDescription": { "KMSMasterKeyArn": key } } }).to_string()
            }
            _ => simulate(body, &decide),
        };
        Response::new(Body::from(answer))
    })
    .await;
    let parameters = [("KmsKeyArn", key.unwrap_or_default())];
    let functions = [AUTH_START, OAUTH_CALLBACK, LIST_MESSAGES].map(function);
    let found = permissions::examine(&deployed(&url, &parameters), &functions).await;
    found.iter().map(ToString::to_string).collect()
}

fn simulate(body: &str, decide: impl Fn(&Question<'_>) -> Option<bool>) -> String {
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let field =
        |name: &str| fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let role = field("PolicySourceArn").rsplit('/').next().unwrap();
    let resource = field("ResourceArns.member.1");
    let via = field("ContextEntries.member.1.ContextKeyValues.member.1");
    let actions = fields.iter().filter(|(name, _)| name.starts_with("ActionNames.member."));
    let results: String = actions
        .filter_map(|(_, action)| {
            let is_allowed = decide(&Question { role, action, resource, via })?;
            let decision = if is_allowed { "allowed" } else { "implicitDeny" };
            Some(format!(
                "<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision></member>"
            ))
        })
        .collect();
    format!(
        "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults>{results}\
         </EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    )
}

fn good(function: &str) -> String {
    format!(
        "good   the role of {function} may do what it needs, and none of the other actions that were asked about"
    )
}

#[tokio::test]
async fn the_templates_roles_are_good_with_a_key_and_without() {
    for key in [None, Some(KEY)] {
        assert_eq!(
            lines(key, |question| Some(question.is_granted())).await,
            [good("auth-start"), good("oauth-callback"), good("list-messages")],
            "{key:?}"
        );
    }
}

#[tokio::test]
async fn what_a_role_must_not_do_is_found() {
    for (role, action, resource, on) in [
        ("auth-start", "dynamodb:GetItem", "table/SessionsTable", "SessionsTable"),
        ("auth-start", "dynamodb:BatchWriteItem", "table/CredentialsTable", "CredentialsTable"),
        ("oauth-callback", "dynamodb:DeleteItem", "table/CredentialsTable", "CredentialsTable"),
        ("oauth-callback", "dynamodb:PutItem", "table/CredentialsTable", "CredentialsTable"),
        ("oauth-callback", "dynamodb:UpdateItem", "table/SessionsTable", "SessionsTable"),
        ("oauth-callback", "dynamodb:BatchGetItem", "table/CredentialsTable", "CredentialsTable"),
        ("list-messages", "dynamodb:DeleteItem", "table/SessionsTable", "SessionsTable"),
        ("list-messages", "dynamodb:Scan", "table/CredentialsTable", "CredentialsTable"),
        ("list-messages", "dynamodb:PartiQLSelect", "table/CredentialsTable", "CredentialsTable"),
        ("list-messages", "dynamodb:DeleteTable", "table/CredentialsTable", "CredentialsTable"),
        ("list-messages", "dynamodb:UpdateTable", "table/SessionsTable", "SessionsTable"),
        ("oauth-callback", "secretsmanager:PutSecretValue", "sealing-keys", "postern/sealing-keys"),
        ("oauth-callback", "secretsmanager:DeleteSecret", "google-client", "postern/google-client"),
        ("auth-start", "secretsmanager:GetSecretValue", "of-somebody-else", "a secret that is not Postern's"),
        ("auth-start", "lambda:InvokeFunction", "list-messages", "the function list-messages"),
        ("list-messages", "iam:PassRole", "role/list-messages", "its own role"),
    ] {
        let found =
            lines(None, move |question| Some(question.is_granted() || question.is(role, action, resource)))
                .await;
        let expected =
            format!("wrong  the role of {role} may {action} on {on}, which it never does: {AGAIN}");
        assert!(found.contains(&expected) && found.len() == 3, "{action}: {found:?}");
    }
}

#[tokio::test]
async fn a_role_that_may_not_use_the_tables_key_is_found() {
    let found =
        lines(Some(KEY), |question| Some(question.is_granted() && !question.via.starts_with("dynamodb.")));
    let wrong = |role: &str| {
        format!(
            "wrong  the role of {role} may not kms:Decrypt on the key {KEY} for DynamoDB: deploy the template again with \
             this key as KmsKeyArn"
        )
    };
    assert_eq!(found.await, [good("auth-start"), wrong("oauth-callback"), wrong("list-messages")]);
}

#[tokio::test]
async fn a_role_that_may_do_more_with_the_key_is_found() {
    let found = lines(Some(KEY), |question| {
        Some(question.is_granted() || question.is("auth-start", "kms:CreateGrant", KEY))
    })
    .await;
    assert_eq!(
        found[0],
        format!(
            "wrong  the role of auth-start may kms:CreateGrant on the key {KEY} for Secrets Manager, which it never does: \
             {AGAIN}"
        )
    );
}

#[tokio::test]
async fn what_the_simulator_does_not_say_is_not_taken_for_denied() {
    let found = lines(None, |question| {
        let is_left_out = question.is("auth-start", "iam:PassRole", "");
        (!is_left_out).then(|| question.is_granted())
    })
    .await;
    assert_eq!(
        found[0],
        "?      whether the role of auth-start may iam:PassRole on its own role: IAM's simulator did not say; ask again"
    );
}
