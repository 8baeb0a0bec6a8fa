//! How many users a change of the scopes or of the OAuth client asks to consent again.

use postern_rules::credential::{Status, Terms};
use postern_rules::scopes::Scopes;
use serde_json::Value;

use crate::account::Account;
use crate::connections::{self, FUNCTION, connections};
use crate::pass::count;
use crate::stack::Stack;

/// What users are asked for, before and after a deployment.
pub(crate) struct Change<'a> {
    pub(crate) scopes: [&'a str; 2],
    /// Whether another client replaces the one in use.
    pub(crate) of_client: bool,
    /// The client afterwards, if it is known.
    pub(crate) client: Option<&'a str>,
}

impl Change<'_> {
    /// One line; none if the change asks nobody for anything.
    pub(crate) async fn line(&self, account: &Account, stack: &Stack) -> Option<String> {
        if self.scopes[0] == self.scopes[1] && !self.of_client {
            return None;
        }
        let counted = match stack.outputs.get(FUNCTION) {
            Ok(function) => connections::count(account, function).await,
            Err(_) => count::all_of(account, stack).await,
        };
        Some(match counted {
            Ok(counted) => self.sentence(&counted),
            Err(problem) => format!("How many users this change asks again was not counted: {problem}."),
        })
    }

    fn sentence(&self, counted: &Value) -> String {
        let (mut all, mut asked) = (0, 0);
        for one in counted["counts"].as_array().into_iter().flatten() {
            if one["status"] == Status::Active.word() {
                all += connections(one);
                asked += if self.asks(one) { connections(one) } else { 0 };
            }
        }
        let asks = if self.of_client && self.client.is_none() { "may ask" } else { "asks" };
        format!("This change {asks} {} of {} connected users again.", grouped(asked), grouped(all))
    }

    /// Whether it asks these, who were not asked before.
    fn asks(&self, count: &Value) -> bool {
        let scopes = count["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let scopes = Scopes::parse(&scopes.collect::<Vec<_>>().join(" "));
        let client_id = count["client_id"].as_str().unwrap_or_default();
        let terms = Terms { status: Status::Active, client_id, scopes: &scopes, ends_at: None };
        let [before, after] = self.scopes.map(Scopes::needed);
        let client_before = if self.of_client { None } else { self.client };
        let is_asked = match (self.of_client, self.client) {
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

    const READONLY: &str = "https://www.googleapis.com/auth/gmail.readonly";
    const MODIFY: &str = "https://www.googleapis.com/auth/gmail.modify";

    #[test]
    fn who_is_asked_by_a_change_was_not_asked_before_it() {
        let kind = |status: &str, client_id: &str, scope: &str, connections: u64| json!({ "status": status, "client_id": client_id, "scopes": ["openid", "email", scope], "connections": connections });
        let counted = json!({ "counts": [
            kind("active", "today", READONLY, 84_000),
            kind("active", "today", MODIFY, 200),
            kind("active", "earlier", READONLY, 10),
            kind("revoked", "today", READONLY, 7),
        ] });
        let sentence = |scopes, of_client, client| Change { scopes, of_client, client }.sentence(&counted);
        let to_modify = [READONLY, MODIFY];
        for (said, words) in [
            (sentence(to_modify, false, Some("today")), "asks 84,000 of 84,210"),
            (sentence(to_modify, false, None), "asks 84,010 of 84,210"),
            (sentence([MODIFY, READONLY], false, Some("today")), "asks 0 of 84,210"),
            (sentence([READONLY; 2], true, Some("new")), "asks 84,210 of 84,210"),
            (sentence([READONLY; 2], true, None), "may ask 84,210 of 84,210"),
        ] {
            assert_eq!(said, format!("This change {words} connected users again."));
        }
    }
}
