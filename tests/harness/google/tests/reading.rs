//! What a client library reads of a mailbox beside messages, and what a batch takes.

use std::fmt::Write as _;

use serde_json::json;

use super::*;

const USER: &str = "/gmail/v1/users/me";

/// A batch of calls, and the status of each part.
async fn batch(google: &Google, path: &str, access: &str, targets: &[String]) -> (Reply, Vec<u16>) {
    let mut body = String::new();
    for (index, target) in targets.iter().enumerate() {
        let _ = write!(
            body,
            "--xx\r\nContent-Type: application/http\r\nContent-ID: <{index}>\r\n\r\nGET {target} HTTP/1.1\r\n\r\n\r\n"
        );
    }
    body.push_str("--xx--\r\n");
    let headers =
        format!("Authorization: Bearer {access}\r\nContent-Type: multipart/mixed; boundary=\"xx\"\r\n");
    let reply = send(google, "POST", path, &headers, &body).await.expect("an answer");
    let parts = reply.body.split("HTTP/1.1 ").skip(1);
    let statuses = parts.filter_map(|part| part.split(' ').next()?.parse().ok()).collect();
    (reply, statuses)
}

async fn messages(google: &Google, access: &str, count: usize) -> Vec<String> {
    let list = get(google, &format!("{USER}/messages?maxResults={count}"), access).await.json();
    let ids = list["messages"].as_array().expect("messages").iter().map(|message| text(message, "id"));
    ids.map(|id| format!("{USER}/messages/{id}?format=minimal")).collect()
}

#[tokio::test]
async fn the_profile_counts_the_mailbox() {
    let (google, _) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    let profile = get(&google, &format!("{USER}/profile"), text(&answer, "access_token")).await.json();
    assert_eq!(text(&profile, "emailAddress"), ANN);
    assert_eq!(profile["messagesTotal"], google.account(ANN).expect("Ann").message_count());
    assert!(profile["threadsTotal"].as_u64() < profile["messagesTotal"].as_u64());
    assert!(text(&profile, "historyId").parse::<u64>().is_ok());
    assert_eq!(get(&google, &format!("{USER}/profile"), "nothing").await.status, 401);
    let bare = sign_in(&google, "ben@example.com", &[("scope", "openid email")]).await;
    assert_eq!(get(&google, &format!("{USER}/profile"), text(&bare, "access_token")).await.status, 403);
}

#[tokio::test]
async fn labels_are_listed_and_counted() {
    let (google, _) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    let access = text(&answer, "access_token");
    let list = get(&google, &format!("{USER}/labels"), access).await.json();
    let labels = list["labels"].as_array().expect("labels");
    let label =
        |id: &str| labels.iter().find(|label| label["id"] == id).unwrap_or_else(|| panic!("no {id}")).clone();
    assert_eq!(label("INBOX"), json!({"id": "INBOX", "name": "INBOX", "type": "system"}));
    assert_eq!(
        label("SPAM"),
        json!({
            "id": "SPAM", "name": "SPAM", "type": "system",
            "messageListVisibility": "hide", "labelListVisibility": "labelHide",
        })
    );
    assert_eq!(
        label("Label_1"),
        json!({
            "id": "Label_1", "name": "Receipts", "type": "user",
            "messageListVisibility": "show", "labelListVisibility": "labelShow",
        })
    );
    let inbox = get(&google, &format!("{USER}/labels/INBOX"), access).await.json();
    assert!(inbox["messagesTotal"].as_u64() > inbox["messagesUnread"].as_u64());
    assert!(inbox["threadsTotal"].as_u64() > Some(0) && inbox["threadsUnread"].as_u64() > Some(0));
    assert_eq!(get(&google, &format!("{USER}/labels/Nowhere"), access).await.status, 404);
}

#[tokio::test]
async fn threads_and_attachments_can_be_read() {
    let (google, _) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    let access = text(&answer, "access_token");
    let page = get(&google, &format!("{USER}/threads?maxResults=20&q=in:inbox"), access).await.json();
    let threads = page["threads"].as_array().expect("threads");
    assert_eq!(threads.len(), 20);
    assert!(threads[0]["snippet"].is_string() && threads[0]["historyId"].is_string());
    let next = format!("{USER}/threads?maxResults=20&q=in:inbox&pageToken={}", text(&page, "nextPageToken"));
    let second = get(&google, &next, access).await.json();
    assert!(second["threads"].as_array().expect("threads").iter().all(|thread| !threads.contains(thread)));
    let id = text(&threads[0], "id");
    let thread = get(&google, &format!("{USER}/threads/{id}?format=metadata"), access).await.json();
    assert!(thread["messages"].as_array().expect("messages").iter().all(|message| message["threadId"] == id));
    assert_eq!(get(&google, &format!("{USER}/threads/1900000000000000"), access).await.status, 404);

    let list = get(&google, &format!("{USER}/messages?q=has:attachment&maxResults=1"), access).await.json();
    let path = format!("{USER}/messages/{}", text(&list["messages"][0], "id"));
    let body = get(&google, &path, access).await.json()["payload"]["parts"][1]["body"].clone();
    let attachment =
        get(&google, &format!("{path}/attachments/{}", text(&body, "attachmentId")), access).await.json();
    assert_eq!(attachment["size"], body["size"]);
    assert!(text(&attachment, "data").len() > 20_000);
    assert_eq!(get(&google, &format!("{path}/attachments/other"), access).await.status, 400);
}

#[tokio::test]
async fn history_lists_what_came_after_a_point() {
    let (google, _) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    let access = text(&answer, "access_token");
    let list =
        get(&google, &format!("{USER}/messages?maxResults=4&includeSpamTrash=true"), access).await.json();
    let ids: Vec<&str> =
        list["messages"].as_array().expect("messages").iter().map(|one| text(one, "id")).collect();
    let fourth = get(&google, &format!("{USER}/messages/{}?format=minimal", ids[3]), access).await.json();
    let since = format!("{USER}/history?startHistoryId={}", text(&fourth, "historyId"));
    let history = get(&google, &since, access).await.json();
    let added = history["history"].as_array().expect("history").iter();
    let added: Vec<&str> = added.map(|record| text(&record["messagesAdded"][0]["message"], "id")).collect();
    assert_eq!(added, [ids[2], ids[1], ids[0]]);
    let profile = get(&google, &format!("{USER}/profile"), access).await.json();
    assert_eq!(history["historyId"], profile["historyId"]);
    let nothing =
        get(&google, &format!("{USER}/history?startHistoryId={}", text(&profile, "historyId")), access).await;
    assert_eq!(nothing.json(), json!({"historyId": profile["historyId"]}));
    assert_eq!(get(&google, &format!("{USER}/history?startHistoryId=1"), access).await.status, 404);
}

#[tokio::test]
async fn fields_narrow_an_answer() {
    let (google, _) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    let access = text(&answer, "access_token");
    let page = get(&google, &format!("{USER}/messages?maxResults=1&fields=messages/id"), access).await.json();
    let id = text(&page["messages"][0], "id");
    assert_eq!(page, json!({"messages": [{"id": id}]}));
    let wrong = get(&google, &format!("{USER}/messages?fields=messages(id"), access).await;
    assert_eq!(wrong.status, 400);
    assert_eq!(wrong.json()["error"]["message"], "Invalid field selection messages(id");
}

#[tokio::test]
async fn the_metadata_scope_forbids_searches_and_bodies_whatever_else_is_granted() {
    let (google, _) = google().await;
    let scope = format!("openid {READONLY} https://www.googleapis.com/auth/gmail.metadata");
    let answer = sign_in(&google, ANN, &[("scope", &scope)]).await;
    let access = text(&answer, "access_token");
    let message = messages(&google, access, 1).await.remove(0);
    let path = message.split('?').next().expect("a path");
    for (call, expected) in [
        (format!("{USER}/messages?q=hello"), "Metadata scope does not support 'q' parameter"),
        (format!("{USER}/messages?q="), "Metadata scope does not support 'q' parameter"),
        (path.to_owned(), "Metadata scope doesn't allow format FULL"),
        (format!("{path}?format=raw"), "Metadata scope doesn't allow format RAW"),
    ] {
        let reply = get(&google, &call, access).await;
        let error = reply.json()["error"].clone();
        assert_eq!((reply.status, text(&error, "message")), (403, expected), "{call}");
        assert_eq!(error["errors"][0]["reason"], "forbidden");
    }
    assert_eq!(get(&google, &format!("{path}?format=metadata"), access).await.status, 200);
}

#[tokio::test]
async fn a_batch_of_more_than_a_hundred_is_refused_as_a_whole() {
    let (google, _) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    let targets = vec![format!("{USER}/profile"); 101];
    let (reply, _) = batch(&google, "/batch/gmail/v1", text(&answer, "access_token"), &targets).await;
    assert_eq!(reply.status, 400);
    let message = "Inner request count exceeds the limit. Received: 101, Limit: 100";
    assert_eq!(reply.json()["error"]["message"], message);
}

#[tokio::test]
async fn a_batch_of_25_passes_and_of_a_hundred_only_in_part() {
    let (google, _) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    let access = text(&answer, "access_token");
    let targets = messages(&google, access, 100).await;
    let (_, statuses) = batch(&google, "/batch/gmail/v1", access, &targets[..25]).await;
    assert_eq!(statuses, [200; 25]);
    let (reply, statuses) = batch(&google, "/batch/gmail/v1", access, &targets).await;
    assert_eq!((reply.status, statuses.len()), (200, 100));
    assert_eq!(statuses[..25], [200; 25]);
    assert_eq!(statuses[25..], [429; 75]);
    assert!(reply.body.contains("Too many concurrent requests for user"));
    // The path that Google's Python library posts to.
    google.allow_in_batch(None);
    assert_eq!(batch(&google, "/batch", access, &targets).await.1, [200; 100]);
    post(&google, "/control/batch-allowance", &[("parts", "10")]).await.expect("an answer");
    let (_, statuses) = batch(&google, "/batch", access, &targets[..11]).await;
    assert_eq!((&statuses[..10], statuses[10]), (&[200; 10][..], 429));
    google.clear_all();
    assert_eq!(batch(&google, "/batch", access, &targets[..25]).await.1, [200; 25]);
}
