//! The control API, called as a test in another language does.

use hyper::Request;
use serde_json::{Value, json};

use super::tests::*;
use super::*;

async fn control(google: &Google, action: &str, body: &Value) -> Reply {
    send(Request::post(format!("{}/control/{action}", google.url())), body.to_string()).await
}

async fn form(google: &Google, action: &str, body: &'static str) -> Reply {
    send(Request::post(format!("{}/control/{action}", google.url())), body).await
}

/// The authorization endpoint's answer to a browser.
async fn visit(google: &Google) -> Reply {
    get(google, authorization_url(google).strip_prefix(google.url()).unwrap(), "").await
}

#[tokio::test]
async fn failures_and_switches_are_set_over_http() {
    let (google, _) = google().await;
    let planted =
        json!({"endpoint": "token", "failure": {"status": 503}, "times": 1, "grant_type": "refresh_token"});
    assert_eq!(control(&google, "failures", &planted).await.json()["ok"], true);
    assert_eq!([refresh(&google, "x").await.status, refresh(&google, "x").await.status], [503, 400]);
    assert_eq!(
        form(&google, "failures", "endpoint=messages_list&failure=concurrent&times=").await.status,
        303
    );
    assert_eq!([get(&google, LIST, "x").await.status, get(&google, LIST, "x").await.status], [429, 429]);
    assert_eq!(control(&google, "clear", &json!({})).await.status, 200);
    assert_eq!(get(&google, LIST, "x").await.status, 401);
    control(&google, "switches", &json!({"rotation": "old_dies", "omit_id_token": 1})).await;
    assert!(sign_in(&google).await.1.json()["id_token"].is_null());
    for (action, body) in [
        ("failures", json!({"endpoint": "token", "failure": "bad_weather"})),
        ("revoke", json!({})),
        ("switches", json!({"no_such_switch": 1})),
        ("account", json!({"email": "nobody"})),
        ("message", json!({"account": ANN, "from": "x@example.com", "labels": ["NO_LABEL"]})),
        ("message", json!({"account": ANN, "from": "x@example.com", "date": "yesterday"})),
        ("message", json!({"account": "nobody@example.com", "from": "x@example.com"})),
        ("no-such-action", json!({})),
    ] {
        let reply = control(&google, action, &body).await;
        assert!(reply.status == 400 && reply.json()["error"].is_string(), "{action} {body}");
    }
}

#[tokio::test]
async fn a_switch_that_is_not_named_stays_as_it_is() {
    let (google, _) = google().await;
    control(&google, "switches", &json!({"rotation": "old_dies"})).await;
    control(&google, "switches", &json!({"access_token_lifetime": 10})).await;
    let switches = get(&google, "/control/state", "").await.json()["switches"].clone();
    assert_eq!((&switches["rotation"], &switches["access_token_lifetime"]), (&"old_dies".into(), &10.into()));
    control(&google, "clear", &json!({})).await;
    assert_eq!(get(&google, "/control/state", "").await.json()["switches"]["rotation"], "off");
}

#[tokio::test]
async fn the_control_page_shows_what_is_set_as_a_form_and_no_secret() {
    let (google, _) = google().await;
    sign_in(&google).await;
    let failure =
        json!({"endpoint": "token", "failure": {"slow": 250}, "times": 2, "grant_type": "refresh_token"});
    control(&google, "failures", &failure).await;
    let page = get(&google, "/control", "").await.text;
    for words in [
        "token (refresh_token): {&quot;slow&quot;:250} (2 more)",
        "<option value=\"off\" selected>stay the same</option>",
        "name=\"access_token_lifetime\" value=\"3599\"",
        "POST /token",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    for words in ["GOCSPX", "Switches {", "Some(", "Next("] {
        assert!(!page.contains(words), "{words} in {page}");
    }
    // What the page's own form sends changes nothing.
    let before = get(&google, "/control/state", "").await.text;
    let unchanged = "application=Postern+Demo&consent=null&opener_policy=none&rotation=off&omit_refresh_token=0\
        &omit_id_token=0&access_token_lifetime=3599&refresh_token_lifetime=&access_token_length=163\
        &longest_values=false&issuer=https%3A%2F%2Faccounts.google.com&claims=%7B%7D";
    assert_eq!(form(&google, "switches", unchanged).await.status, 303);
    assert_eq!(get(&google, "/control/state", "").await.text, before);
}

#[tokio::test]
async fn a_new_account_signs_in_and_finds_the_mail_that_was_put_into_its_box() {
    let (google, _) = google().await;
    let eve = json!({"email": "eve@example.net", "given_name": "Eve", "family_name": "Évora"});
    assert_eq!(control(&google, "account", &eve).await.status, 200);
    for (subject, date) in [("Second", "2026-11-20T08:15:00Z"), ("First", "2026-11-19T08:15:00+01:00")] {
        let message = json!({
            "account": "eve@example.net", "from": "Grace Okafor <grace@example.net>", "subject": subject,
            "text": "Hello", "date": date, "labels": ["INBOX", "STARRED"],
        });
        assert!(control(&google, "message", &message).await.json()["id"].is_string());
    }
    let code = consent(&google, "eve@example.net").await.code().unwrap();
    let grant = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", CALLBACK)];
    let access = token(&google, &grant).await.json()["access_token"].as_str().unwrap().to_owned();
    let listed = get(&google, &format!("{LIST}?q=from:grace"), &access).await.json();
    assert_eq!(listed["messages"].as_array().unwrap().len(), 2);
    let newest = listed["messages"][0]["id"].as_str().unwrap();
    let message = get(&google, &format!("{LIST}/{newest}"), &access).await.json();
    assert_eq!((&message["snippet"], &message["labelIds"][1]), (&"Hello".into(), &"STARRED".into()));
    assert!(
        message.to_string().contains("Grace Okafor <grace@example.net>")
            && message.to_string().contains("Second")
    );

    // Changing the account keeps its mail and its ID; the mailbox can be emptied.
    let change = json!({"email": "eve@example.net", "hosted_domain": "example.net"});
    assert_eq!(control(&google, "account", &change).await.status, 200);
    let eve = google.account("eve@example.net").unwrap();
    assert_eq!(
        (eve.message_count(), eve.sub.len(), eve.hosted_domain.as_deref()),
        (2, 21, Some("example.net"))
    );
    control(&google, "empty", &json!({"account": "eve@example.net"})).await;
    assert!(get(&google, LIST, &access).await.json()["messages"].is_null());

    control(&google, "reset", &json!({})).await;
    assert!(google.account("eve@example.net").is_none());
    assert_eq!(get(&google, LIST, &access).await.status, 401);
    assert_eq!(
        consent(&google, ANN).await.code().map(|code| code.len()),
        Some(73),
        "the client is still there"
    );
}

#[tokio::test]
async fn the_consent_page_names_the_application_and_offers_accounts_and_scopes() {
    let (google, _) = google().await;
    control(&google, "switches", &json!({"application": "Shop <&> Co"})).await;
    let page = visit(&google).await;
    assert_eq!(page.status, 200);
    for words in [
        "<h1><span id=\"application\">Shop &lt;&amp;&gt; Co</span> wants to access your Google Account</h1>",
        "id=\"account-ann\"",
        "id=\"scope-0\" name=\"scope\" value=\"https://www.googleapis.com/auth/gmail.readonly\" checked",
    ] {
        assert!(page.text.contains(words), "{words} in {}", page.text);
    }
}

#[tokio::test]
async fn the_consent_page_can_be_answered_by_a_switch() {
    let (google, _) = google().await;
    let gmail = "https://www.googleapis.com/auth/gmail.readonly";
    for (consent, error, has_gmail) in [
        (json!({"allow": {"account": "ben@example.com"}}), None, true),
        (json!({"allow": {"without": [gmail]}}), None, false),
        (json!({"deny": {}}), Some("access_denied"), false),
    ] {
        assert_eq!(control(&google, "switches", &json!({ "consent": consent })).await.status, 200);
        let back = Consent::Redirect(visit(&google).await.header("location").to_owned());
        assert_eq!(back.parameter("error").as_deref(), error, "{consent}");
        assert_eq!(back.code().is_some(), error.is_none(), "{consent}");
        assert_eq!(back.parameter("scope").unwrap_or_default().contains(gmail), has_gmail, "{consent}");
    }
}

#[tokio::test]
async fn the_authorization_endpoint_sends_the_opener_policy_that_is_set() {
    let (google, _) = google().await;
    for (policy, header, value) in [
        ("none", "cross-origin-opener-policy", ""),
        ("same_origin_allow_popups", "cross-origin-opener-policy", "same-origin-allow-popups"),
        ("report_only", "cross-origin-opener-policy-report-only", "same-origin"),
        ("same_origin", "cross-origin-opener-policy", "same-origin"),
    ] {
        control(&google, "switches", &json!({ "opener_policy": policy })).await;
        let page = visit(&google).await;
        let decision = authorization_url(&google).replace("auth?", "auth/decision?");
        let back = send(Request::post(decision), format!("account={ANN}&decision=allow")).await;
        for (status, reply) in [(200, &page), (303, &back)] {
            assert_eq!((reply.status, reply.header(header)), (status, value), "{policy}");
            let policies =
                reply.headers.keys().filter(|name| name.as_str().starts_with("cross-origin-opener"));
            assert_eq!(policies.count(), usize::from(policy != "none"), "{policy}");
        }
    }
}

#[tokio::test]
async fn every_call_endpoint_failure_and_switch_is_documented() {
    let (google, _) = google().await;
    let page = include_str!("../../../docs/fake-google.md");
    let state = get(&google, "/control/state", "").await.json();
    let switches = state["switches"].as_object().unwrap().keys().cloned();
    let endpoints = Endpoint::ALL.map(Endpoint::name);
    // serde names every variant in its complaint about one that does not exist.
    let complaint = control(&google, "failures", &json!({"endpoint": "token", "failure": "no_such"})).await;
    let complaint = complaint.json()["error"].as_str().unwrap().to_owned();
    let failures: Vec<&str> = complaint.split('`').skip(3).step_by(2).collect();
    assert!(failures.len() > 40 && failures.contains(&"invalid_grant"), "{failures:?}");
    let source = include_str!("control.rs");
    let arms = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" =>")?.0.split('"').next());
    let actions: Vec<&str> = arms.collect();
    assert!(actions.len() > 8 && actions.contains(&"reset"), "{actions:?}");
    for name in switches.chain(endpoints).chain(failures.into_iter().chain(actions).map(str::to_owned)) {
        let is_named =
            [format!("`{name}`"), format!("`\"{name}\""), format!("{{\"{name}\":"), format!("/{name}`")];
        assert!(
            is_named.iter().any(|form| page.contains(form)),
            "docs/fake-google.md says nothing of {name}"
        );
    }
}
