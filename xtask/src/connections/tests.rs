//! The command against a Lambda endpoint that answers as the function does.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri};
use clap::Parser;
use tokio::net::TcpListener;

use super::*;
use crate::commands::{Command, CommandLine};

/// The payloads that it got, and its answers in turn.
type Lambda = Arc<Mutex<(Vec<String>, Vec<Value>)>>;

async fn answer(State(lambda): State<Lambda>, uri: Uri, body: String) -> (HeaderMap, String) {
    assert_eq!(uri.path(), "/2015-03-31/functions/the-function/invocations");
    let answer = {
        let mut lambda = lambda.lock().unwrap();
        lambda.0.push(body);
        lambda.1.remove(0)
    };
    if answer == json!("no answer") {
        tokio::time::sleep(Duration::from_secs(2)).await;
        return (HeaderMap::new(), String::new());
    }
    let mut headers = HeaderMap::new();
    if answer == json!("a defect") {
        headers.insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    (headers, answer.to_string())
}

async fn lambda(answers: &[Value]) -> (Account, Lambda) {
    let lambda = Lambda::new(Mutex::new((Vec::new(), answers.to_vec())));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(Arc::clone(&lambda));
    #[expect(clippy::disallowed_methods, reason = "the fake Lambda runs beside the test")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    (Account::of_a_test(&url).await, lambda)
}

fn asked(line: &str) -> Result<Value, String> {
    let words = ["xtask", "connections"].into_iter().chain(line.split_whitespace());
    let Command::Connections(options) = CommandLine::parse_from(words).command else { panic!("{line}") };
    payload(&options)
}

#[test]
fn a_line_is_an_action_with_what_belongs_to_it() {
    let named = |action| json!({ "action": action, "user_id": "1" });
    assert_eq!(asked("get 1"), Ok(named("get")));
    assert_eq!(asked("sign-out 1 --yes"), Ok(named("sign_out")));
    assert_eq!(asked("erase 1 --output json"), Ok(named("erase")));
    assert_eq!(asked("count"), Ok(json!({ "action": "count" })));
    let list = json!({ "action": "list", "status": "revoked", "limit": 5, "after": "7" });
    assert_eq!(asked("list --status revoked --limit 5 --after 7"), Ok(list));
    for (line, part) in
        [("get", "give the USER_ID"), ("count 1", "no USER_ID"), ("get 1 --limit 5", "go with list")]
    {
        assert!(asked(line).unwrap_err().contains(part), "{line}");
    }
}

#[tokio::test]
async fn the_pages_of_a_count_are_added_up() {
    let kind = |status: &str, connections: u64| json!({ "status": status, "client_id": "a", "scopes": ["email"], "connections": connections });
    let (account, lambda) = lambda(&[
        json!({ "counts": [kind("active", 1000)], "asked_again": 2, "of_outgoing_client": 900, "after": "active:7" }),
        json!({ "counts": [kind("active", 5), kind("revoked", 1)], "asked_again": 3, "of_outgoing_client": 4, "after": null }),
    ])
    .await;
    let sum = count(&account, "the-function").await.unwrap();
    let expected = json!({ "counts": [kind("active", 1005), kind("revoked", 1)], "asked_again": 5, "of_outgoing_client": 904 });
    assert_eq!(sum, expected);
    assert_eq!(lambda.lock().unwrap().0[1], r#"{"action":"count","after":"active:7"}"#);
    let text = in_words(&sum);
    assert!(text.contains("active") && text.contains("1005") && text.contains("asked_again: 5"), "{text}");
}

#[tokio::test]
async fn a_refusal_and_a_defect_are_errors() {
    let refusal = json!({ "code": "connection_not_found", "detail": "Nothing is stored.", "status": 404 });
    let (account, _) = lambda(&[refusal, json!("a defect")]).await;
    let payload = json!({ "action": "get", "user_id": "1" });
    let said = ask(&account, "the-function", &payload).await;
    assert_eq!(said, Err("connection_not_found: Nothing is stored.".to_owned()));
    assert!(ask(&account, "the-function", &payload).await.unwrap_err().contains("see its log"));
}

#[tokio::test]
async fn what_ends_a_connection_is_tried_once_and_may_have_been_done() {
    let (account, lambda) = lambda(&[json!("no answer"), json!({ "erased": true })]).await;
    let payload = json!({ "action": "erase", "user_id": "1" });
    let said = ask_once(&account, "the-function", &payload, Duration::from_millis(300)).await;
    assert!(said.unwrap_err().ends_with("it may have been done; run get"));
    assert_eq!(lambda.lock().unwrap().0.len(), 1);
    let said = ask_once(&account, "the-function", &payload, ONCE).await;
    assert_eq!(said, Ok(json!({ "erased": true })));
}

#[tokio::test]
async fn a_function_that_is_named_needs_no_stack() {
    let (account, lambda) = lambda(&[]).await;
    let line = "xtask connections erase 1 --yes --function the-function";
    let Command::Connections(options) = CommandLine::parse_from(line.split(' ')).command else { panic!() };
    assert_eq!(function(&account, &options).await, Ok("the-function".to_owned()));
    assert!(lambda.lock().unwrap().0.is_empty());
    assert_eq!(options.action.words(), "Delete the connection of");
}

#[test]
fn a_cell_cannot_disguise_itself() {
    let listed =
        json!({ "connections": [{ "email": "ann\u{202e}moc\u{1b}[2J@example.com\n", "status": "active" }] });
    let text = in_words(&listed);
    assert!(text.contains(r"ann\u{202e}moc\u{1b}[2J@example.com\u{a}  active"), "{text}");
    assert!(
        !text.chars().any(|one| one != '\n' && one.is_control() || is_bidirectional_control(one)),
        "{text}"
    );
}
