//! The command against the fake Google.

use harness::google::{Endpoint, Failure};
use postern::clock::ManualClock;
use postern_rules::time::Timestamp;

use super::*;

const RECEIVER: &str = "http://127.0.0.1:1/risc";

async fn google() -> (harness::google::Google, Google, ServiceAccount, Clock) {
    let clock = Clock::Manual(ManualClock::starting_at(Timestamp::from_seconds(1_800_000_000)));
    let fake = harness::google::Google::start_anywhere(clock.clone()).await;
    let url = fake.url().to_owned();
    let google = Google::at(&url, &url, format!("{url}/oauth2/v3/certs")).expect("it has a client");
    let account = ServiceAccount::parse(&fake.service_account()).expect("it is a key");
    (fake, google, account, clock)
}

#[tokio::test]
async fn a_stream_is_registered_shown_tested_and_stopped() {
    let (fake, google, account, clock) = google().await;
    let run = async |action| act(&google, &account, action, RECEIVER, &clock).await;
    let unknown = run(RiscAction::Status).await.unwrap_err();
    assert!(unknown.contains("Google refuses (404): Project has no RISC configuration."), "{unknown}");
    assert!(run(RiscAction::Register).await.unwrap().contains(RECEIVER));
    let shown = run(RiscAction::Status).await.unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[..2], ["status    enabled", "receiver  http://127.0.0.1:1/risc"]);
    assert_eq!(lines.len(), 8, "{shown}");
    assert!(run(RiscAction::Verify).await.unwrap().contains("with the state "));
    run(RiscAction::Stop).await.unwrap();
    assert!(run(RiscAction::Status).await.unwrap().starts_with("status    disabled"));
    assert!(run(RiscAction::Register).await.is_ok());
    assert!(run(RiscAction::Status).await.unwrap().starts_with("status    enabled"));
    let calls = fake.calls_to(Endpoint::StreamUpdate);
    assert!(calls.iter().all(|call| call.status == Some(200)));
}

#[tokio::test]
async fn a_stream_that_goes_elsewhere_or_lacks_events_is_noticed() {
    let stream = json!({"delivery": {"url": "https://other.example/risc"}, "events_requested": []});
    let shown = description(&stream, &json!({"status": "enabled\u{1b}[31m"}), RECEIVER);
    assert!(shown.contains("this stack's is http://127.0.0.1:1/risc: run"), "{shown}");
    assert_eq!(shown.lines().filter(|line| line.starts_with("missing   ")).count(), 6, "{shown}");
    assert!(!shown.contains('\u{1b}'));
}

#[tokio::test]
async fn another_issuer_or_other_keys_stop_a_registration() {
    let (fake, google, account, clock) = google().await;
    let keys = format!("{}/oauth2/v3/certs", fake.url());
    for document in [
        json!({"issuer": "https://evil.example", "jwks_uri": keys}),
        json!({"issuer": "https://accounts.google.com/", "jwks_uri": "https://evil.example/certs"}),
        json!({}),
    ] {
        fake.fail(Endpoint::Discovery, Failure::json(&document), 1);
        let problem = act(&google, &account, RiscAction::Register, RECEIVER, &clock).await.unwrap_err();
        assert!(problem.contains("update Postern"), "{problem}");
    }
    assert!(fake.calls_to(Endpoint::StreamUpdate).is_empty());
}

#[tokio::test]
async fn nothing_of_the_key_is_printed() {
    let (fake, google, account, clock) = google().await;
    let file = fake.service_account();
    let key: Value = serde_json::from_str(&file).unwrap();
    let key = key["private_key"].as_str().unwrap().lines().nth(1).unwrap().to_owned();
    assert_eq!(key.len(), 64);
    let folder = std::env::temp_dir().join(random::identifier());
    std::fs::create_dir(&folder).unwrap();
    let mut problems = Vec::new();
    for text in [
        file.replace("service_account", "authorized_user"),
        file.replace("\"client_email\"", "\"other\""),
        file.replace(&key, &key.to_lowercase()),
        file[..file.len() - 2].to_owned(),
        String::new(),
    ] {
        std::fs::write(folder.join("key.json"), text).unwrap();
        problems.push(ServiceAccount::read(&folder.join("key.json")).err().unwrap());
    }
    problems.push(ServiceAccount::read(&folder.join("none.json")).err().unwrap());
    std::fs::remove_dir_all(&folder).unwrap();
    fake.fail(Endpoint::StreamUpdate, Failure::Status(503), 1);
    problems.push(act(&google, &account, RiscAction::Stop, RECEIVER, &clock).await.unwrap_err());
    for problem in problems {
        assert!(!problem.contains(&key[..16]) && !problem.contains("PRIVATE"), "{problem}");
    }
}
