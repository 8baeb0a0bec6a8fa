//! The way of a request: each route of the template leads to its function, and each function may be
//! invoked by whom the template permits.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::Client;
use serde_json::Value;

use super::finding::{Finding, PUT_BACK, Refusal, or_good};
use super::target::Deployment;
use super::template::{Template, each, text};

/// One line for the routes and one for the permissions, or one for each that is wrong.
pub(super) async fn examine(deployment: &Deployment, templates: &[Template]) -> Vec<Finding> {
    let Some(template) = templates.first() else { return Vec::new() };
    let (routes, permissions) = tokio::join!(routes(deployment, template), permissions(deployment, template));
    let routes = routes.unwrap_or_else(|refusal| vec![refusal.unknown("the routes of the API")]);
    let routes = or_good(routes, "each route of the API leads to its function");
    [routes, or_good(permissions, "each function may be invoked by whom the template permits")].concat()
}

/// What the template calls each function, by the name that it has in the account, and each function
/// through its alias, by both names.
fn names(template: &Template) -> BTreeMap<String, String> {
    let functions = template.resources("AWS::Lambda::Function").into_iter();
    let functions = functions.map(|function| (function.physical_id.clone(), function.name("")));
    let aliases = template.resources("AWS::Lambda::Alias").into_iter();
    let aliases = aliases.map(|alias| (called(&alias.physical_id).to_owned(), alias.name("Alias")));
    functions.chain(aliases).collect()
}

/// The name in a function's ARN, or in what API Gateway makes of it: with its alias, if it has one.
fn called(uri: &str) -> &str {
    let name = uri.split(":function:").nth(1).unwrap_or(uri);
    name.split('/').next().unwrap_or(name)
}

async fn routes(deployment: &Deployment, template: &Template) -> Result<Vec<Finding>, Refusal> {
    let Some(api) = template.resources("AWS::ApiGatewayV2::Api").pop() else { return Ok(Vec::new()) };
    let client = Client::new(&deployment.config);
    let (mut targets, mut uris) = (BTreeMap::new(), BTreeMap::new());
    let mut next = None;
    loop {
        let page = client.get_routes().api_id(&api.physical_id).set_next_token(next).send().await;
        let page = page.map_err(|error| Refusal::of("apigateway:GET", &error))?;
        targets.extend(page.items().iter().filter_map(|route| {
            Some((route.route_key()?.to_owned(), route.target().unwrap_or_default().to_owned()))
        }));
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    loop {
        let page = client.get_integrations().api_id(&api.physical_id).set_next_token(next).send().await;
        let page = page.map_err(|error| Refusal::of("apigateway:GET", &error))?;
        uris.extend(page.items.unwrap_or_default().into_iter().filter_map(|integration| {
            let uri = integration.integration_uri().unwrap_or_default().to_owned();
            Some((format!("integrations/{}", integration.integration_id?), uri))
        }));
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    let functions = names(template);
    let name = |uri: &str| functions.get(called(uri)).map_or("no function of the stack", String::as_str);
    let integrations = template.resources("AWS::ApiGatewayV2::Integration");
    let mut findings = Vec::new();
    for route in template.resources("AWS::ApiGatewayV2::Route") {
        let (key, target) = (text(&route.properties["RouteKey"]), text(&route.properties["Target"]));
        let mut meant = integrations.iter();
        let meant = meant.find(|meant| target == format!("integrations/{}", meant.physical_id));
        let meant = meant.map(|meant| text(&meant.properties["IntegrationUri"])).unwrap_or_default();
        let what = match targets.remove(&key) {
            None => format!("the API has no route {key}"),
            Some(target) => {
                let uri = uris.get(&target).map(String::as_str).unwrap_or_default();
                if called(uri) == called(&meant) {
                    continue;
                }
                match (name(uri), name(&meant)) {
                    // One of the two is its alias.
                    (to, meant) if to == meant => format!("{key} leads to another version of {meant}"),
                    (to, meant) => format!("{key} leads to {to} and not to {meant}"),
                }
            }
        };
        findings.push(Finding::wrong(what, PUT_BACK));
    }
    // Whoever may change the API chooses the text of a route.
    if !targets.is_empty() {
        let what = format!("the API has {} routes that the template does not have", targets.len());
        findings.push(Finding::wrong(what, "delete them, unless you want them"));
    }
    Ok(findings)
}

async fn permissions(deployment: &Deployment, template: &Template) -> Vec<Finding> {
    let lambda = aws_sdk_lambda::Client::new(&deployment.config);
    let functions = names(template);
    let mut permitted: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for permission in template.resources("AWS::Lambda::Permission") {
        let value = |name: &str| text(&permission.properties[name]);
        let source = permission.properties["SourceArn"].as_str().unwrap_or_default().to_owned();
        permitted
            .entry(called(&value("FunctionName")).to_owned())
            .or_default()
            .insert((value("Principal"), source));
    }
    let mut findings = Vec::new();
    for (key, name) in &functions {
        let permitted = permitted.remove(key).unwrap_or_default();
        let (function, alias) =
            key.split_once(':').map_or((&**key, None), |(name, alias)| (name, Some(alias)));
        let question = lambda.get_policy().function_name(function).set_qualifier(alias.map(str::to_owned));
        let policy: Value = match question.send().await {
            Ok(answer) => serde_json::from_str(answer.policy().unwrap_or_default()).unwrap_or_default(),
            Err(error) => match Refusal::of("lambda:GetPolicy", &error) {
                refusal if refusal.is_absent => Value::Null,
                refusal => {
                    findings.push(refusal.unknown(format!("who may invoke {name}")));
                    continue;
                }
            },
        };
        let allowed: Vec<&Value> = allowed(&policy, key).collect();
        let is_there = |permission: &&(String, String)| {
            allowed.iter().any(|statement| is_permission(statement, permission))
        };
        for (principal, source) in permitted.iter().filter(|permission| !is_there(permission)) {
            let of = source.rsplit(':').next().filter(|source| !source.is_empty());
            let of = of.map(|source| format!(" for {source}")).unwrap_or_default();
            findings.push(Finding::wrong(format!("{principal} may not invoke {name}{of}"), PUT_BACK));
        }
        let is_meant =
            |statement: &&Value| permitted.iter().any(|permission| is_permission(statement, permission));
        if !allowed.iter().all(is_meant) {
            let what = format!("{name} may be invoked by somebody whom the template does not permit");
            findings.push(Finding::wrong(what, "remove that from its resource policy, unless you want it"));
        }
    }
    findings
}

/// What a policy allows of the function, or of its alias: an emulator names those of both.
fn allowed<'a>(policy: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    each(&policy["Statement"]).filter(move |statement| {
        let is_elsewhere = statement["Resource"].as_str().is_some_and(|resource| called(resource) != key);
        statement["Effect"] == "Allow" && !is_elsewhere
    })
}

fn is_permission(statement: &Value, (principal, source): &(String, String)) -> bool {
    let who = &statement["Principal"];
    let is_principal = who["Service"] == **principal || who["AWS"] == **principal;
    let sources = &statement["Condition"]["ArnLike"]["AWS:SourceArn"];
    is_principal && if source.is_empty() { sources.is_null() } else { *sources == **source }
}
