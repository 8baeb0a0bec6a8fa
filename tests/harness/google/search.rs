//! Gmail's search box: `q` as a list of terms that must all hold.

use time::Date;
use time::format_description::parse_borrowed;

use super::mailbox::{Message, Person, USER_LABELS};

/// A parsed `q`.
#[derive(Clone, Debug)]
pub(super) struct Query(Vec<Term>);

/// `-from:ann` is negated, with the operator `from`; a word has none.
#[derive(Clone, Debug)]
struct Term {
    is_negated: bool,
    operator: String,
    value: String,
}

impl Query {
    /// Reads a query; like Gmail, it never fails: what is not an operator is a word.
    pub(super) fn parse(q: &str) -> Self {
        Self(split(q).iter().map(|text| term(text)).collect())
    }

    /// Whether a message has all of these labels and matches the query.
    pub(super) fn finds(&self, message: &Message, labels: &[&str], with_spam_and_trash: bool) -> bool {
        let is_hidden = ["SPAM", "TRASH"]
            .into_iter()
            .any(|label| message.has(label) && !with_spam_and_trash && !self.asks_for(label, labels));
        !is_hidden
            && labels.iter().all(|label| message.has(label))
            && self.0.iter().all(|term| term.holds(message) != term.is_negated)
    }

    /// Whether spam or trash is asked for by name.
    fn asks_for(&self, name: &str, labels: &[&str]) -> bool {
        let asks = |term: &Term| {
            let is_place = matches!(term.operator.as_str(), "in" | "label");
            is_place && !term.is_negated && (term.value == "anywhere" || label(&term.value) == name)
        };
        labels.contains(&name) || self.0.iter().any(asks)
    }
}

impl Term {
    fn holds(&self, message: &Message) -> bool {
        let value = self.value.as_str();
        let second = message.date / 1000;
        match self.operator.as_str() {
            "from" => is_person(&message.from, value),
            "to" => is_person(&message.to, value),
            "subject" => has_words(&message.subject, value),
            "in" if value == "anywhere" => true,
            "in" | "label" => message.has(&label(value)),
            "category" if value == "primary" => message.has("CATEGORY_PERSONAL"),
            "category" => message.has(&format!("CATEGORY_{}", value.to_ascii_uppercase())),
            "is" if value == "read" => !message.has("UNREAD"),
            "is" => message.has(&value.to_ascii_uppercase()),
            "after" | "newer" => moment(value).is_none_or(|moment| second >= moment),
            "before" | "older" => moment(value).is_none_or(|moment| second < moment),
            _ => {
                [&message.subject, &message.body].into_iter().any(|text| has_words(text, value))
                    || is_person(&message.from, value)
                    || is_person(&message.to, value)
            }
        }
    }
}

/// The terms' texts: split at spaces, but not between quotes.
fn split(q: &str) -> Vec<String> {
    let mut is_quoted = false;
    let is_end = |character: char| {
        is_quoted ^= character == '"';
        character.is_whitespace() && !is_quoted
    };
    q.split(is_end).filter(|term| !term.is_empty()).map(str::to_owned).collect()
}

fn term(text: &str) -> Term {
    let (is_negated, text) = match text.strip_prefix('-') {
        Some(rest) if !rest.is_empty() => (true, rest),
        _ => (false, text),
    };
    let (operator, value) = match text.split_once(':') {
        Some((operator, value)) if !value.is_empty() => (operator.to_ascii_lowercase(), value),
        _ => (String::new(), text),
    };
    Term { is_negated, operator, value: value.trim_matches('"').to_ascii_lowercase() }
}

/// A label's ID from the text of a query: the name of a system label, or of a user's label with
/// dashes for spaces.
fn label(typed: &str) -> String {
    let typed = typed.replace(' ', "-");
    let is_meant = |name: &str| name.to_ascii_lowercase().replace(' ', "-") == typed;
    let user = USER_LABELS.iter().find(|(id, name)| is_meant(id) || is_meant(name));
    user.map_or_else(|| typed.to_ascii_uppercase(), |(id, _)| (*id).to_owned())
}

/// A date at midnight UTC (`2026/03/01`, `2026-3-1`), or seconds since the epoch.
fn moment(value: &str) -> Option<i64> {
    let format = parse_borrowed::<2>("[year]/[month padding:none]/[day padding:none]").ok()?;
    let date = Date::parse(&value.replace('-', "/").replace("/0", "/"), &format);
    date.map(|date| date.midnight().assume_utc().unix_timestamp()).ok().or_else(|| value.parse().ok())
}

/// Whether `text` contains the words of `wanted`, in order and whole. Case and punctuation do not
/// matter.
fn has_words(text: &str, wanted: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let pieces = text.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty());
        pieces.map(str::to_lowercase).collect()
    };
    let (text, wanted) = (words(text), words(wanted));
    wanted.is_empty() || text.windows(wanted.len()).any(|window| window == wanted)
}

fn is_person(person: &Person, wanted: &str) -> bool {
    has_words(&person.address, wanted) || has_words(&person.name, wanted)
}
