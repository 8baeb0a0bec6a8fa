//! The client in the file replaces another, which is kept for its users, or dropped.

use serde_json::{Value, json};

use super::{Aws, CALLBACK, CLIENT, OURS, confirm, google, of_another_client, options, remaining, saved};
use crate::deploy::plan::Plan;
use crate::stack::Outputs;

const OLD: &str = "1-other.apps.googleusercontent.com";
const THIRD: &str = "3-third.apps.googleusercontent.com";

/// The parameters of a stack whose functions know two clients.
const KNOWING_TWO: &[(&str, &str)] = &[
    ("AllowedOrigins", "https://a.example"),
    ("Architecture", "x86_64"),
    ("CrossAccountProtection", "off"),
    ("GoogleClientSecretId", "mine"),
];

/// The secret with two clients.
fn both(coming: &str, outgoing: &str) -> String {
    let [mut coming, outgoing] = [coming, outgoing].map(|text| serde_json::from_str::<Value>(text).unwrap());
    coming["outgoing"] = outgoing;
    coming.to_string()
}

/// An update of a stack whose secret holds this.
fn with(secret: &str) -> Aws {
    Aws { stack: Some(("UPDATE_COMPLETE", KNOWING_TWO)), secret: Some(secret.to_owned()), ..Aws::default() }
}

/// The IDs of the clients that the plan is going to store; none if it keeps what is stored.
fn written(plan: &Plan) -> Option<[Value; 2]> {
    assert!(!plan.to_string().contains("GOCSPX"), "{plan}");
    let text: Value = serde_json::from_str(plan.step.file()?.text.expose()).unwrap();
    assert_eq!(text["outgoing"]["outgoing"], Value::Null);
    Some([&text["web"], &text["outgoing"]["web"]].map(|client| client["client_id"].clone()))
}

#[tokio::test]
async fn the_old_client_is_kept_beside_the_one_in_the_file_and_nobody_is_asked() {
    let (google, file) = google().await;
    for id in [OLD, THIRD] {
        google.add_client(id, &google.client_secret());
    }
    let old = of_another_client(&file);
    let third = file.replace(CLIENT, THIRD);
    let two = both(&file, &old);
    let (file_line, old_line) = (saved("kept-new", &file), saved("kept-old", &old));
    let (both_line, third_line) = (saved("kept-both", &two), saved("kept-third", &third));
    let keep = |line: &str| format!("{line} --old-client keep");
    for (secret, line, stored, change) in [
        (&old, keep(&file_line), Some([CLIENT, OLD]), ""),
        // After a deployment that failed later on.
        (&two, keep(&file_line), None, ""),
        (&file, keep(&file_line), None, ""),
        // Back again.
        (&two, keep(&old_line), Some([OLD, CLIENT]), ""),
        // A file that holds both by itself.
        (&old, both_line.clone(), Some([CLIENT, OLD]), ""),
        (&two, both_line, None, ""),
        (&two, file_line, None, ""),
        (&two, "--old-client drop".to_owned(), Some([CLIENT, ""]), "the outgoing OAuth client 1-other"),
        (&file, "--old-client drop".to_owned(), None, ""),
        (&two, third_line, Some([THIRD, ""]), &format!("replaces {CLIENT} and {OLD}, and every")),
        (&two, old_line, Some([OLD, ""]), &format!("replaces {CLIENT}, and every")),
    ] {
        let plan = with(secret).plan(&line).await.unwrap();
        let stored = stored.map(|ids| ids.map(|id| if id.is_empty() { Value::Null } else { json!(id) }));
        assert_eq!(written(&plan), stored, "{line}");
        let found = plan.client_change.as_deref().unwrap_or_default();
        assert!(found.contains(change) && found.is_empty() == change.is_empty(), "{line}: {found}");
        let hint = plan.to_string().contains("with --old-client keep nobody");
        assert_eq!(hint, change.starts_with("replaces"), "{line}: {plan}");
    }
}

#[tokio::test]
async fn another_secret_of_the_coming_client_leaves_the_outgoing_one_in_its_place() {
    let (google, file) = google().await;
    let two = both(&file, &of_another_client(&file));
    google.accept_secret(CLIENT, "GOCSPX-a-newer-secret");
    let newer = google.client_secrets(&[CALLBACK]);
    let plan = with(&two).plan(&saved("rotated", &newer)).await.unwrap();
    assert_eq!(written(&plan), Some([json!(CLIENT), json!(OLD)]));
    assert!(plan.step.file().unwrap().text.expose().contains("GOCSPX-a-newer-secret"));
    assert_eq!(plan.client_change, None);
}

#[tokio::test]
async fn a_third_client_or_one_that_cannot_be_read_is_not_kept() {
    let (_google, file) = google().await;
    let two = both(&file, &of_another_client(&file));
    let third = saved("third", &file.replace(CLIENT, THIRD));
    let line = format!("{third} --old-client keep");
    assert!(with(&two).refusal(&line).await.contains("no place for a third; first drop it"));
    let hidden = Aws { hides_secrets: true, ..with(&two) };
    for line in [line.as_str(), "--old-client drop"] {
        assert!(hidden.refusal(line).await.contains("can neither be kept nor dropped"));
    }
    assert!(with(&two).refusal("--old-client keep").await.contains("goes with --client-secret FILE"));
}

#[tokio::test]
async fn a_plan_says_how_many_belong_to_the_outgoing_client_and_asks_only_when_somebody_is() {
    let (_google, file) = google().await;
    let old = of_another_client(&file);
    let two = both(&file, &old);
    let counted = |of_old: u64| {
        let kind = |id: &str, connections: u64| {
            json!({ "status": "active", "client_id": id, "connections": connections,
            "scopes": ["openid", "email", "https://www.googleapis.com/auth/gmail.readonly"] })
        };
        json!({ "counts": [kind(OLD, of_old), kind(CLIENT, 5)], "after": null })
    };
    let keep = format!("{} --old-client keep", saved("counted", &file));
    for (secret, line, of_old, words, asks) in [
        (
            &old,
            keep.as_str(),
            1200,
            "asks 0 of 1,205 connected users again.\n  1,200 belong to the outgoing client",
            false,
        ),
        (&two, "", 7, "asks 0 of 12 connected users again.\n  7 belong to the outgoing client", false),
        (&two, "--old-client drop", 7, "asks 7 of 12 connected users again.\n", true),
        (&two, "--old-client drop", 0, "asks 0 of 5 connected users again.\n", false),
    ] {
        let aws = Aws { counted: Some(counted(of_old)), has_administrators: true, ..with(secret) };
        let plan = aws.plan(line).await.unwrap();
        assert!(plan.to_string().contains(words), "{plan}");
        assert_eq!(plan.client_change.is_some(), asks, "{plan}");
        assert_eq!(confirm(&options("--yes"), plan.client_change.as_deref()).is_err(), asks);
        let left = remaining::steps(&plan, &Outputs::from([])).join("\n");
        assert_eq!(left.contains("deploy --old-client drop"), !line.contains("drop"), "{left}");
    }
}

#[tokio::test]
async fn what_is_done_with_two_clients_is_shown_and_stored_without_their_secrets() {
    let (_google, file) = google().await;
    let old = of_another_client(&file);
    let keep = format!("{} --old-client keep", saved("shown", &file));
    for (secret, line, step, outgoing) in [
        (&old, keep.as_str(), "add a version with the outgoing client", true),
        (&both(&file, &old), "--old-client drop", "add a version without the outgoing client", false),
    ] {
        let account = with(secret).start().await;
        let plan = Plan::make(&options(line), &account).await.unwrap();
        let shown = plan.to_string();
        assert!(shown.contains(step) && shown.contains(&format!("client     {CLIENT}\n")), "{shown}");
        assert_eq!(shown.contains(&format!("outgoing   {OLD}\n")), outgoing, "{shown}");
        let said = plan.store_client(&account).await.unwrap().unwrap();
        assert!(said.contains("This brings the previous one back") && !said.contains("GOCSPX"), "{said}");
    }
}

#[tokio::test]
async fn functions_that_know_one_client_get_no_second() {
    let (google, file) = google().await;
    google.add_client(OLD, &google.client_secret());
    let line = format!("{} --old-client keep", saved("kept-too-early", &file));
    let secret = Some(of_another_client(&file));
    let older = Aws { stack: Some(("UPDATE_COMPLETE", OURS)), secret, ..Aws::default() };
    assert!(older.refusal(&line).await.contains("deploy this version first"));
}
