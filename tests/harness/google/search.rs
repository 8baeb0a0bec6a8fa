//! Gmail's search box: `q` as a list of terms that must all hold.

use super::dates;
use super::mailbox::{Message, Person, USER_LABELS};

/// A parsed `q`.
#[derive(Clone, Debug)]
pub(super) struct Query {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    is_negated: bool,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    From(Vec<String>),
    To(Vec<String>),
    Subject(Vec<String>),
    Words(Vec<String>),
    Label(String),
    Anywhere,
    Read,
    HasAttachment,
    /// Not before this second.
    After(i64),
    /// Before this second.
    Before(i64),
}

impl Query {
    /// Reads a query; like Gmail, it never fails: what is not an operator is a word.
    pub(super) fn parse(q: &str) -> Self {
        Self { terms: split(q).iter().filter_map(|text| term(text)).collect() }
    }

    /// Whether a message has these labels (each of them) and is what the query asks for.
    pub(super) fn finds(&self, message: &Message, labels: &[&str], with_spam_and_trash: bool) -> bool {
        let hidden_in = ["SPAM", "TRASH"].into_iter().filter(|label| message.has(label));
        let is_hidden =
            hidden_in.into_iter().any(|label| !with_spam_and_trash && !self.asks_for(label, labels));
        !is_hidden
            && labels.iter().all(|label| message.has(label))
            && self.terms.iter().all(|term| term.test.holds(message) != term.is_negated)
    }

    /// Whether spam or trash is asked for by name.
    fn asks_for(&self, label: &str, labels: &[&str]) -> bool {
        labels.contains(&label)
            || self.terms.iter().any(|term| {
                !term.is_negated
                    && (term.test == Test::Anywhere || term.test == Test::Label(label.to_owned()))
            })
    }
}

impl Test {
    fn holds(&self, message: &Message) -> bool {
        match self {
            Self::From(wanted) => is_person(&message.from, wanted),
            Self::To(wanted) => is_person(&message.to, wanted),
            Self::Subject(wanted) => holds_words(&words(&message.subject), wanted),
            Self::Words(wanted) => {
                [&message.subject, &message.body].into_iter().any(|text| holds_words(&words(text), wanted))
                    || is_person(&message.from, wanted)
                    || is_person(&message.to, wanted)
                    || message.attachment.is_some_and(|name| holds_words(&words(name), wanted))
            }
            Self::Label(label) => message.has(label),
            Self::Anywhere => true,
            Self::Read => !message.has("UNREAD"),
            Self::HasAttachment => message.attachment.is_some(),
            Self::After(second) => message.date >= second * 1000,
            Self::Before(second) => message.date < second * 1000,
        }
    }
}

/// The terms' texts: split at spaces, but not between quotes.
fn split(q: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut is_quoted = false;
    for character in q.chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            ' ' | '\t' | '\n' if !is_quoted => {
                terms.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(term) = terms.last_mut() {
            term.push(character);
        }
    }
    terms.retain(|term| !term.is_empty());
    terms
}

fn term(text: &str) -> Option<Term> {
    let (is_negated, text) = match text.strip_prefix('-') {
        Some(rest) if !rest.is_empty() => (true, rest),
        _ => (false, text),
    };
    let found = match text.split_once(':') {
        Some((name, value)) if !value.is_empty() => {
            operator(&name.to_ascii_lowercase(), value.trim_matches('"'))
        }
        _ => None,
    };
    let condition = found.unwrap_or_else(|| Test::Words(words(text)));
    let says_nothing = condition == Test::Words(Vec::new());
    (!says_nothing).then_some(Term { is_negated, test: condition })
}

fn operator(name: &str, value: &str) -> Option<Test> {
    let lower = value.to_ascii_lowercase();
    Some(match name {
        "from" => Test::From(words(value)),
        "to" => Test::To(words(value)),
        "subject" => Test::Subject(words(value)),
        "in" if lower == "anywhere" => Test::Anywhere,
        "in" | "label" => Test::Label(label(&lower)),
        "category" => {
            let category = if lower == "primary" { "personal" } else { &lower };
            Test::Label(format!("CATEGORY_{}", category.to_ascii_uppercase()))
        }
        "is" => match lower.as_str() {
            "read" => Test::Read,
            "unread" | "starred" | "important" => Test::Label(lower.to_ascii_uppercase()),
            _ => return None,
        },
        "has" if lower == "attachment" => Test::HasAttachment,
        "after" | "newer" => Test::After(moment(value)?),
        "before" | "older" => Test::Before(moment(value)?),
        _ => return None,
    })
}

/// A label's ID from what is typed: the name of a system label, or that of a user's with dashes for spaces.
fn label(lower: &str) -> String {
    let typed = lower.replace(' ', "-");
    let user = USER_LABELS.iter().find(|(id, name)| {
        id.to_ascii_lowercase() == typed || name.to_ascii_lowercase().replace(' ', "-") == typed
    });
    user.map_or_else(|| typed.to_ascii_uppercase(), |(id, _)| (*id).to_owned())
}

/// A date at midnight UTC, or seconds since the epoch.
fn moment(value: &str) -> Option<i64> {
    dates::midnight(value).or_else(|| value.parse().ok())
}

/// The words of a text, in lower case, without punctuation.
fn words(text: &str) -> Vec<String> {
    let pieces = text.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty());
    pieces.map(str::to_lowercase).collect()
}

/// Whether `wanted` stands in `text`, whole words in this order.
fn holds_words(text: &[String], wanted: &[String]) -> bool {
    !wanted.is_empty() && text.windows(wanted.len()).any(|window| window == wanted)
}

fn is_person(person: &Person, wanted: &[String]) -> bool {
    holds_words(&words(&person.address), wanted) || holds_words(&words(&person.name), wanted)
}

#[cfg(test)]
mod tests;
