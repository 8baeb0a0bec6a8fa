//! What the functions' variables, their log lines and the stack's outputs say of each other. Lambda, IAM and CloudWatch
//! themselves are asked in `cargo xtask e2e`.

use std::collections::BTreeMap;

use super::*;
use crate::doctor::configuration;
use crate::doctor::functions::{AUTH_START, Facts, Function, LIST_MESSAGES};

fn function(name: &'static str, variables: &BTreeMap<String, String>) -> Function {
    let facts = Facts {
        arn: format!("arn:aws:lambda:us-east-1:123456789012:function:{name}"),
        role: "arn:aws:iam::123456789012:role/role".to_owned(),
        log_group: format!("/postern/postern/{name}"),
        hides_errors: false,
        variables: variables.clone(),
        has_failed: false,
    };
    Function { name, facts: Ok(facts) }
}

async fn lines(change: impl Fn(&mut BTreeMap<String, String>)) -> Vec<String> {
    let scene = Scene::new().await;
    let mut variables = scene.stack.environment();
    // Lambda sets these itself; its configuration does not show them.
    variables.retain(|name, _| !name.starts_with("AWS_"));
    let first = function(AUTH_START, &variables);
    change(&mut variables);
    let second = function(LIST_MESSAGES, &variables);
    configuration::examine(&scene.target(), &[first, second]).iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn functions_that_agree_are_one_good_line() {
    assert_eq!(lines(|_| {}).await, ["good   the configuration of auth-start, list-messages"]);
}

#[tokio::test]
async fn an_unusable_variable_is_named_with_its_function() {
    let again = "deploy the template again; README.md has the table of variables";
    assert_eq!(
        lines(|variables| drop(variables.remove("SESSIONS_TABLE"))).await,
        [
            format!("wrong  the configuration of list-messages: SESSIONS_TABLE is not set: {again}"),
            format!("wrong  SESSIONS_TABLE is not the same in auth-start and list-messages: {again}"),
        ]
    );
    let planted = |variables: &mut BTreeMap<String, String>| {
        variables.insert("CREDENTIALS_TABLE".to_owned(), "planted-table".to_owned());
        variables.insert("PUBLIC_URL".to_owned(), "https://elsewhere.example.com".to_owned());
    };
    assert_eq!(
        lines(planted).await,
        [
            format!("wrong  CREDENTIALS_TABLE of list-messages is not what the stack's outputs say: {again}"),
            format!("wrong  PUBLIC_URL of list-messages is not what the stack's outputs say: {again}"),
            format!("wrong  CREDENTIALS_TABLE is not the same in auth-start and list-messages: {again}"),
            format!("wrong  PUBLIC_URL is not the same in auth-start and list-messages: {again}"),
        ]
    );
}
