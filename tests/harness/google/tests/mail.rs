//! Gmail: pages, searches, messages, batches.

use std::fmt::Write as _;

use super::*;

const LIST: &str = "/gmail/v1/users/me/messages";

#[tokio::test]
async fn pages_lead_through_the_whole_mailbox() {
    let (google, _) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    let access = text(&answer, "access_token");
    let mut ids = Vec::new();
    let mut next = String::new();
    loop {
        let page =
            get(&google, &format!("{LIST}?maxResults=500&includeSpamTrash=true{next}"), access).await.json();
        let messages = page["messages"].as_array().expect("messages");
        ids.extend(messages.iter().map(|message| text(message, "id").to_owned()));
        let Some(token) = page["nextPageToken"].as_str() else { break };
        assert_eq!(page["resultSizeEstimate"], 201);
        next = format!("&pageToken={token}");
    }
    assert_eq!(ids.len(), google.account(ANN).expect("Ann").message_count());
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "newest first, each once");
    let page = get(&google, LIST, access).await.json();
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(100));
    assert_eq!(google.calls_to(Endpoint::MessagesList).len(), 4);
}

#[tokio::test]
async fn labels_and_searches_narrow_the_list_and_nothing_found_has_no_messages() {
    let (google, _) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    let access = text(&answer, "access_token");
    let count = async |query: &str| {
        let page = get(&google, &format!("{LIST}?maxResults=500&{query}"), access).await.json();
        page["messages"].as_array().map_or(0, Vec::len)
    };
    let unread = count("labelIds=INBOX&labelIds=UNREAD").await;
    assert!(unread > 0);
    assert_eq!(count("q=in:inbox+is:unread").await, unread);
    assert!(count("q=from:grace+has:attachment").await > 0);
    assert!(count("q=in:spam").await > 0);
    assert_eq!(count("q=in:spam+-in:spam").await, 0);
    let empty = get(&google, &format!("{LIST}?q=thiswordisnowhere"), access).await.json();
    assert_eq!(empty, serde_json::json!({"resultSizeEstimate": 0}));
    for query in ["pageToken=12", "maxResults=ten", "labelIds=Nowhere", "includeSpamTrash=perhaps"] {
        let reply = get(&google, &format!("{LIST}?{query}"), access).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["errors"][0]["reason"]),
            (400, &"invalidArgument".into())
        );
    }
    let dora = sign_in(&google, "dora@example.com", &[]).await;
    assert!(get(&google, LIST, text(&dora, "access_token")).await.json()["messages"].is_null());
}

#[tokio::test]
async fn a_token_must_be_live_and_cover_gmail() {
    let (google, hand) = google().await;
    assert_eq!(send(&google, "GET", LIST, "", "").await.expect("an answer").status, 401);
    assert_eq!(get(&google, LIST, "ya29.nothing").await.json()["error"]["errors"][0]["reason"], "authError");
    let bare = sign_in(&google, ANN, &[("scope", "openid email")]).await;
    let refused = get(&google, LIST, text(&bare, "access_token")).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()["error"]["details"][0]["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    let metadata = "openid https://www.googleapis.com/auth/gmail.metadata";
    let narrow = sign_in(&google, "ben@example.com", &[("scope", metadata)]).await;
    let access = text(&narrow, "access_token");
    assert_eq!(get(&google, LIST, access).await.status, 200);
    assert_eq!(get(&google, &format!("{LIST}?q=hello"), access).await.status, 403);
    hand.advance(Duration::from_secs(3599));
    assert_eq!(get(&google, LIST, access).await.status, 401);
}

#[tokio::test]
async fn a_message_comes_in_every_format() {
    let (google, _) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    let access = text(&answer, "access_token");
    let list = get(&google, &format!("{LIST}?q=has:attachment&maxResults=1"), access).await.json();
    let path = format!("{LIST}/{}", text(&list["messages"][0], "id"));
    let full = get(&google, &path, access).await.json();
    assert_eq!(full["threadId"], list["messages"][0]["threadId"]);
    assert_eq!(full["payload"]["parts"].as_array().map(Vec::len), Some(2));
    let minimal = get(&google, &format!("{path}?format=minimal"), access).await.json();
    assert!(minimal["payload"].is_null() && minimal["snippet"].is_string());
    let some = format!("{path}?format=metadata&metadataHeaders=subject&metadataHeaders=From");
    let names = get(&google, &some, access).await.json()["payload"]["headers"].clone();
    assert_eq!(
        (text(&names[0], "name"), text(&names[1], "name"), names[2].is_null()),
        ("From", "Subject", true)
    );
    assert!(get(&google, &format!("{path}?format=raw"), access).await.json()["raw"].is_string());
    assert_eq!(get(&google, &format!("{LIST}/1900000000000000"), access).await.status, 404);
}

#[tokio::test]
async fn a_batch_answers_each_part_with_its_own_status() {
    let (google, _) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    let access = text(&answer, "access_token");
    let list = get(&google, &format!("{LIST}?maxResults=2"), access).await.json();
    let mut body = String::new();
    for index in 0..2 {
        let id = text(&list["messages"][index], "id");
        body.push_str("--xx\r\nContent-Type: application/http\r\n");
        let _ =
            write!(body, "Content-ID: <{index}>\r\n\r\nGET {LIST}/{id}?format=minimal HTTP/1.1\r\n\r\n\r\n");
    }
    body.push_str("--xx--\r\n");
    google.fail(Endpoint::MessagesGet, Failure::Quota { status: 429, retry_after: None }, Times::Next(1));
    let headers =
        format!("Authorization: Bearer {access}\r\nContent-Type: multipart/mixed; boundary=\"xx\"\r\n");
    let reply = send(&google, "POST", "/batch/gmail/v1", &headers, &body).await.expect("an answer");
    assert_eq!(reply.status, 200);
    let first = reply.body.find("HTTP/1.1 429").expect("a refused part");
    let second = reply.body.find("HTTP/1.1 200").expect("a served part");
    assert!(first < second && reply.body.contains("Content-ID: <response-1>"));
    let gets = google.calls_to(Endpoint::MessagesGet);
    assert!(gets.len() == 2 && gets.iter().all(|call| call.batched));
    assert_eq!(google.calls_to(Endpoint::Batch).len(), 1);
}
