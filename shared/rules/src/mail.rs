//! What a list shows of a message: sender, recipients, subject, date and snippet, decoded and
//! bounded. Strangers write all of it. None of these types can be printed, so that no log gets
//! mail.

mod text;

use mail_parser::DateTime;
use serde::{Deserialize, Serialize};

/// The headers that a [`Summary`] is made of.
pub const HEADERS: [&str; 3] = ["From", "To", "Subject"];

/// The bounds of a summary, in bytes of UTF-8. A page of 100 summaries that are all at their
/// bounds, escaped twice (as JSON inside the function's response), stays below Lambda's 6 MB.
const LONGEST_NAME: usize = 128;
const LONGEST_ADDRESS: usize = 254;
const LONGEST_SUBJECT: usize = 1024;
const LONGEST_SNIPPET: usize = 512;
const MOST_RECIPIENTS: usize = 20;
const MOST_LABELS: usize = 50;
const LONGEST_LABEL: usize = 64;

/// The seconds of the year 9999's end: RFC 3339 has four digits for the year.
const END_OF_TIME: i64 = 253_402_300_799;

/// A message's ID. Gmail's have 16 hexadecimal digits today; other letters are left to Gmail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageId(String);

impl MessageId {
    /// Parses 1 to 64 letters, digits, `-` or `_`: nothing that means something in a path.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        fits.then(|| Self(text.to_owned()))
    }

    /// The ID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A message as Gmail describes it (Gmail API, resource `users.messages`), as far as it is used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// The message's ID.
    pub id: String,
    thread_id: String,
    #[serde(default)]
    label_ids: Vec<String>,
    #[serde(default)]
    snippet: String,
    internal_date: Option<String>,
    #[serde(default)]
    payload: Payload,
}

#[derive(Default, Deserialize)]
struct Payload {
    #[serde(default)]
    headers: Vec<Header>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

/// One person or list in `From` or `To`.
#[derive(PartialEq, Eq, Serialize)]
pub struct Mailbox {
    /// The name for display. Anyone can write anything here.
    pub name: Option<String>,
    /// The address.
    pub email: String,
}

/// What a list shows of a message.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    id: String,
    thread_id: String,
    from: Option<Mailbox>,
    to: Vec<Mailbox>,
    subject: String,
    date: Option<String>,
    snippet: String,
    label_ids: Vec<String>,
    unread: bool,
}

impl From<Resource> for Summary {
    fn from(resource: Resource) -> Self {
        let header = |name: &str| {
            let found = resource.payload.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            found.map(|header| header.value.as_str()).unwrap_or_default()
        };
        let [from, to, subject] = HEADERS.map(header);
        let labels = || resource.label_ids.iter();
        Self {
            from: text::mailboxes(from, 1).pop(),
            to: text::mailboxes(to, MOST_RECIPIENTS),
            subject: text::line(&text::decoded(subject), LONGEST_SUBJECT),
            date: resource.internal_date.as_deref().and_then(date),
            snippet: text::line(&text::without_entities(&resource.snippet), LONGEST_SNIPPET),
            unread: labels().any(|label| label == "UNREAD"),
            label_ids: labels()
                .filter(|label| label.len() <= LONGEST_LABEL)
                .take(MOST_LABELS)
                .cloned()
                .collect(),
            id: resource.id,
            thread_id: resource.thread_id,
        }
    }
}

/// When Gmail received the message, in UTC (RFC 3339), from milliseconds since the epoch. The
/// `Date` header is not used: its writer chooses it, and Gmail sorts by this one.
fn date(milliseconds: &str) -> Option<String> {
    let seconds = milliseconds.parse::<i64>().ok()?.div_euclid(1000);
    (0..=END_OF_TIME).contains(&seconds).then(|| DateTime::from_timestamp(seconds).to_rfc3339())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn summary(resource: Value) -> Value {
        serde_json::to_value(Summary::from(serde_json::from_value::<Resource>(resource).unwrap())).unwrap()
    }

    fn with_headers(headers: &[(&str, &str)]) -> Value {
        let headers: Vec<Value> =
            headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        summary(json!({"id": "1", "threadId": "2", "payload": {"headers": headers}}))
    }

    #[test]
    fn a_message_is_summed_up() {
        let found = summary(json!({
            "id": "18c", "threadId": "18b", "labelIds": ["INBOX", "UNREAD"], "internalDate": "1795594500999",
            "snippet": "Fish &amp; chips &#39;n&#x27; peas &lt;3", "sizeEstimate": 12,
            "payload": {"headers": [
                {"name": "FROM", "value": "=?UTF-8?Q?Zo=C3=AB_M=C3=BCller?= <zoe@example.net>"},
                {"name": "to", "value": "Ann <ann@example.com>, \"Baker, Ben\" <ben@example.com>, c@example.org"},
                {"name": "Subject", "value": "=?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?= 2"},
                {"name": "Date", "value": "Thu, 1 Jan 1970 00:00:00 +0000"}
            ]}
        }));
        assert_eq!(
            found,
            json!({
                "id": "18c", "threadId": "18b", "labelIds": ["INBOX", "UNREAD"], "unread": true,
                "from": {"name": "Zoë Müller", "email": "zoe@example.net"},
                "to": [
                    {"name": "Ann", "email": "ann@example.com"},
                    {"name": "Baker, Ben", "email": "ben@example.com"},
                    {"name": null, "email": "c@example.org"}
                ],
                "subject": "テスト 2", "date": "2026-11-25T08:15:00Z", "snippet": "Fish & chips 'n' peas <3"
            })
        );
    }

    #[test]
    fn what_a_message_lacks_is_empty() {
        let found = summary(json!({"id": "1", "threadId": "2"}));
        assert_eq!(
            found,
            json!({"id": "1", "threadId": "2", "from": null, "to": [], "subject": "", "date": null,
                "snippet": "", "labelIds": [], "unread": false})
        );
    }

    #[test]
    fn a_header_without_an_address_names_nobody() {
        for from in
            ["", " ", "Mailer Daemon", "undisclosed-recipients:;", "<>", "<@>", "a@", "@b", "a b@c d@e"]
        {
            assert_eq!(with_headers(&[("From", from)])["from"], Value::Null, "{from}");
        }
        let group = with_headers(&[("To", "Friends: Ann <a@x.example>, b@x.example; c@y.example")]);
        let emails: Vec<&Value> = group["to"].as_array().unwrap().iter().map(|to| &to["email"]).collect();
        assert_eq!(emails, ["a@x.example", "b@x.example", "c@y.example"]);
    }

    #[test]
    fn a_long_subject_is_cut_to_its_length_whatever_it_has_in_it() {
        let subject = format!("Hi, {}", "a".repeat(5000));
        assert_eq!(with_headers(&[("Subject", &subject)])["subject"], subject[..LONGEST_SUBJECT]);
    }

    #[test]
    fn a_date_is_one_that_rfc_3339_can_write() {
        assert_eq!(date("0").as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(date("253402300799999").as_deref(), Some("9999-12-31T23:59:59Z"));
        for odd in ["", "soon", "-1", "253402300800000", "9223372036854775807", "99999999999999999999"] {
            assert_eq!(date(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_message_id_has_nothing_that_means_something_in_a_path() {
        assert!(MessageId::parse("18c_-Z").is_some() && MessageId::parse(&"a".repeat(64)).is_some());
        for bad in ["", ".", "..", "a/b", "a%2Fb", "a?b", "a b", "é", "a\r\nb", &"a".repeat(65)] {
            assert!(MessageId::parse(bad).is_none(), "{bad}");
        }
    }
}
