//! How many users a change of the scopes or of the OAuth client asks to consent again.

use std::fmt::Write as _;

use postern_rules::credential::{Status, Terms};
use postern_rules::scopes::Scopes;
use serde_json::Value;

use crate::account::Account;
use crate::connections::{self, FUNCTION, connections};
use crate::pass::count;
use crate::stack::Stack;
use crate::web_client::WebClient;

/// What users are asked for, before and after a deployment.
pub(crate) struct Change<'a> {
    pub(crate) scopes: [&'a str; 2],
    /// Whether users of a client that served may be asked.
    pub(crate) of_client: bool,
    /// The clients, where they are known.
    pub(crate) clients: [Option<&'a WebClient>; 2],
}

/// What is known of those who are asked.
pub(crate) struct Asked {
    /// For the plan.
    pub(crate) line: String,
    /// How many; none if they were not counted.
    pub(crate) users: Option<u64>,
}

impl Change<'_> {
    /// None if the change asks nobody for anything, and no client goes out.
    pub(crate) async fn asked(&self, account: &Account, stack: &Stack) -> Option<Asked> {
        let has_outgoing = self.clients.iter().flatten().any(|client| client.outgoing.is_some());
        if self.scopes[0] == self.scopes[1] && !self.of_client && !has_outgoing {
            return None;
        }
        let counted = match stack.outputs.get(FUNCTION) {
            Ok(function) => connections::count(account, function).await,
            Err(_) => count::all_of(account, stack).await,
        };
        Some(match counted {
            Ok(counted) => self.of_count(&counted),
            Err(problem) => Asked {
                line: format!("How many users this change asks again was not counted: {problem}."),
                users: None,
            },
        })
    }

    fn of_count(&self, counted: &Value) -> Asked {
        let outgoing = self.clients[1].and_then(|client| client.outgoing.as_deref());
        let outgoing = outgoing.map(|client| client.google.client_id.as_str());
        let (mut all, mut asked, mut of_outgoing) = (0, 0, 0);
        for one in counted["counts"].as_array().into_iter().flatten() {
            if one["status"] == Status::Active.word() {
                all += connections(one);
                asked += if self.asks(one) { connections(one) } else { 0 };
                of_outgoing += if one["client_id"].as_str() == outgoing { connections(one) } else { 0 };
            }
        }
        let asks = if self.of_client && self.clients[1].is_none() { "may ask" } else { "asks" };
        let mut line =
            format!("This change {asks} {} of {} connected users again.", grouped(asked), grouped(all));
        if let Some(outgoing) = outgoing {
            let _ = write!(line, "\n  {} belong to the outgoing client {outgoing}.", grouped(of_outgoing));
        }
        Asked { line, users: Some(asked) }
    }

    /// Whether it asks these, who were not asked before.
    fn asks(&self, count: &Value) -> bool {
        let scopes = count["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let scopes = Scopes::parse(&scopes.collect::<Vec<_>>().join(" "));
        let client_id = count["client_id"].as_str().unwrap_or_default();
        let terms = Terms { status: Status::Active, client_id, scopes: &scopes, ends_at: None };
        let [before, after] = self.scopes.map(Scopes::needed);
        // The client that serves the grant, or else the one to consent to; none if they are not
        // known.
        let [client_before, client_after] = self.clients.map(|client| {
            let client = client?;
            Some(client.ids().find(|id| *id == client_id).unwrap_or(&client.google.client_id))
        });
        let is_asked = match (self.of_client, client_after) {
            (true, None) => true,
            (_, client) => terms.mismatch(&after, client).is_some(),
        };
        is_asked && terms.mismatch(&before, client_before).is_none()
    }
}

/// With a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::web_client::ClientText;

    const READONLY: &str = "https://www.googleapis.com/auth/gmail.readonly";
    const MODIFY: &str = "https://www.googleapis.com/auth/gmail.modify";

    /// The client with the first of these IDs, which replaces the one with the second.
    fn client(ids: &[&str]) -> WebClient {
        let alone = |id: &&str| {
            let json = json!({ "web": { "client_id": id, "client_secret": "secret" } });
            WebClient::parse(ClientText::new(json.to_string())).unwrap()
        };
        alone(&ids[0]).replacing(ids.get(1).map(alone).as_ref()).unwrap()
    }

    #[test]
    fn who_is_asked_by_a_change_was_not_asked_before_it() {
        let kind = |status: &str, client_id: &str, scope: &str, connections: u64| json!({ "status": status, "client_id": client_id, "scopes": ["openid", "email", scope], "connections": connections });
        let counted = json!({ "counts": [
            kind("active", "today", READONLY, 84_000),
            kind("active", "today", MODIFY, 200),
            kind("active", "earlier", READONLY, 10),
            kind("revoked", "today", READONLY, 7),
        ] });
        let [today, new] = [client(&["today"]), client(&["new"])];
        let [kept, both] = [client(&["new", "today"]), client(&["today", "earlier"])];
        let asked = |scopes, of_client, clients| Change { scopes, of_client, clients }.of_count(&counted);
        let to_modify = [READONLY, MODIFY];
        let [today, new, kept, both] = [Some(&today), Some(&new), Some(&kept), Some(&both)];
        for (asked, words, users) in [
            (asked(to_modify, false, [today; 2]), "asks 84,000 of 84,210", 84_000),
            (asked(to_modify, false, [None; 2]), "asks 84,010 of 84,210", 84_010),
            (asked([MODIFY, READONLY], false, [today; 2]), "asks 0 of 84,210", 0),
            (asked([READONLY; 2], true, [today, new]), "asks 84,200 of 84,210", 84_200),
            (asked([READONLY; 2], true, [None, new]), "asks 84,210 of 84,210", 84_210),
            (asked([READONLY; 2], true, [today, None]), "may ask 84,200 of 84,210", 84_200),
            (asked([READONLY; 2], false, [today, kept]), "asks 0 of 84,210", 0),
            (asked(to_modify, false, [today, kept]), "asks 84,000 of 84,210", 84_000),
            (asked([READONLY; 2], true, [both, today]), "asks 10 of 84,210", 10),
            (asked(to_modify, false, [both; 2]), "asks 84,010 of 84,210", 84_010),
        ] {
            let sentence = format!("This change {words} connected users again.");
            assert!(asked.line.starts_with(&sentence) && asked.users == Some(users), "{}", asked.line);
        }
        for (clients, words) in [
            ([today, kept], "84,200 belong to the outgoing client today."),
            ([both; 2], "10 belong to the outgoing client earlier."),
        ] {
            assert!(asked([READONLY; 2], false, clients).line.ends_with(words));
        }
        assert!(!asked([READONLY; 2], true, [both, today]).line.contains("outgoing"));
    }
}
