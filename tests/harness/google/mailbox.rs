//! The mailboxes: invented by this project from a fixed seed, the same on every machine and in every run.

use std::sync::{Arc, LazyLock};

use super::phrases::{self, Kind, Letter};

/// The newest message came a little before this moment, 2026-09-30 00:00 UTC, in seconds since the epoch.
pub(super) const NEWEST: i64 = 1_790_726_400;
const TWO_YEARS: i64 = 2 * 365 * 86_400;

/// User labels, by ID and name.
pub(super) const USER_LABELS: [(&str, &str); 2] = [("Label_1", "Receipts"), ("Label_2", "Travel plans")];
/// System labels, by ID, which is their name too.
pub(super) const SYSTEM_LABELS: [&str; 14] = [
    "INBOX",
    "UNREAD",
    "SENT",
    "STARRED",
    "IMPORTANT",
    "SPAM",
    "TRASH",
    "DRAFT",
    "CHAT",
    "CATEGORY_PERSONAL",
    "CATEGORY_SOCIAL",
    "CATEGORY_PROMOTIONS",
    "CATEGORY_UPDATES",
    "CATEGORY_FORUMS",
];

/// Whether a mailbox has a label with this ID.
pub(super) fn is_label(id: &str) -> bool {
    SYSTEM_LABELS.contains(&id) || USER_LABELS.iter().any(|(known, _)| *known == id)
}

/// A correspondent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) address: String,
}

impl Person {
    pub(super) fn new(name: &str, address: &str) -> Self {
        Self { name: name.into(), address: address.into() }
    }

    /// As in a header: `Ann Archer <ann@example.com>`.
    pub(super) fn mailbox(&self) -> String {
        format!("{} <{}>", self.name, self.address)
    }
}

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) thread_id: String,
    pub(super) labels: Vec<&'static str>,
    /// Milliseconds since the epoch.
    pub(super) date: i64,
    pub(super) from: Person,
    pub(super) to: Person,
    pub(super) subject: String,
    pub(super) body: String,
    pub(super) attachment: Option<&'static str>,
}

impl Message {
    pub(super) fn has(&self, label: &str) -> bool {
        self.labels.contains(&label)
    }

    /// The point of the mailbox's history at which it came.
    pub(super) fn history_id(&self) -> String {
        (self.date / 1000).to_string()
    }

    /// The beginning of the text.
    pub(super) fn snippet(&self) -> String {
        self.body.replace('\n', " ").chars().take(150).collect()
    }
}

/// A small generator of numbers (splitmix64): deterministic, and good enough to deal out mail.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.next() % u64::from(bound.max(1))).unwrap_or_default()
    }

    /// Whether something that happens so many times in a hundred happens now.
    pub(super) fn percent(&mut self, chance: u32) -> bool {
        self.below(100) < chance
    }

    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.next() % choices.len() as u64).unwrap_or_default()]
    }
}

static ANN: LazyLock<Arc<Vec<Message>>> =
    LazyLock::new(|| Arc::new(generate(1, &Person::new("Ann Archer", "ann@example.com"), 1_240)));
static BEN: LazyLock<Arc<Vec<Message>>> =
    LazyLock::new(|| Arc::new(generate(2, &Person::new("Ben Baker", "ben@example.com"), 140)));
static CLEO: LazyLock<Arc<Vec<Message>>> =
    LazyLock::new(|| Arc::new(generate(3, &Person::new("Cleo Carter", "cleo@example.org"), 60)));

/// The mailbox of an address; empty for one that gets no mail.
pub(super) fn of(email: &str) -> Arc<Vec<Message>> {
    match email {
        "ann@example.com" => Arc::clone(&ANN),
        "ben@example.com" => Arc::clone(&BEN),
        "cleo@example.org" => Arc::clone(&CLEO),
        _ => Arc::default(),
    }
}

/// At least `count` messages for `owner`, newest first.
pub(super) fn generate(seed: u64, owner: &Person, count: usize) -> Vec<Message> {
    let mut dice = Dice::new(seed);
    let mut messages = Vec::with_capacity(count + 8);
    while messages.len() < count {
        let kind = phrases::kind(&mut dice);
        let letters = phrases::thread(&mut dice, kind, owner);
        // The oldest thread begins two years back; the last hours before NEWEST are left for answers.
        let span = u32::try_from(TWO_YEARS - 260_000).unwrap_or(u32::MAX);
        let mut date = (NEWEST - TWO_YEARS + i64::from(dice.below(span))) * 1000;
        let mut thread_id = None;
        for letter in letters {
            date += i64::from(dice.below(36_000)) * 1000 + i64::from(dice.below(1000));
            // Gmail's IDs are the time in milliseconds and some twenty bits more.
            let id = format!("{:011x}{:05x}", date, dice.below(0x10_0000));
            let thread_id = thread_id.get_or_insert_with(|| id.clone()).clone();
            let labels = labels(&mut dice, kind, &letter, owner, date);
            messages.push(Message {
                id,
                thread_id,
                labels,
                date,
                from: letter.from,
                to: letter.to,
                subject: letter.subject,
                body: letter.body,
                attachment: letter.attachment,
            });
        }
    }
    messages.sort_by(|one, other| other.id.cmp(&one.id));
    messages.dedup_by(|one, other| one.id == other.id);
    messages
}

fn labels(dice: &mut Dice, kind: Kind, letter: &Letter, owner: &Person, date: i64) -> Vec<&'static str> {
    let mut labels = Vec::new();
    if kind == Kind::Spam {
        labels.push("SPAM");
        if dice.percent(70) {
            labels.push("UNREAD");
        }
        return labels;
    }
    let is_sent = letter.from == *owner;
    let age = NEWEST - date / 1000;
    let is_trash = dice.percent(4);
    if is_sent {
        labels.push("SENT");
    } else {
        // What is recent is unread more often, and what is old was put away.
        if dice.percent(if age < 30 * 86_400 { 45 } else { 8 }) {
            labels.push("UNREAD");
        }
        if !is_trash && dice.percent(if age < 90 * 86_400 { 90 } else { 55 }) {
            labels.push("INBOX");
        }
        labels.push(kind.category());
        if matches!(kind, Kind::Work | Kind::Personal) && dice.percent(60) {
            labels.push("IMPORTANT");
        }
    }
    if is_trash {
        labels.push("TRASH");
    }
    if dice.percent(5) {
        labels.push("STARRED");
    }
    match kind {
        Kind::Receipt => labels.push("Label_1"),
        Kind::Travel => labels.push("Label_2"),
        _ => {}
    }
    labels
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn the_main_mailbox_has_more_than_a_thousand_messages_newest_first_within_two_years() {
        let messages = of("ann@example.com");
        assert!(messages.len() >= 1_200, "{}", messages.len());
        assert!(messages.windows(2).all(|pair| pair[0].date >= pair[1].date && pair[0].id > pair[1].id));
        let seconds = |message: &Message| message.date / 1000;
        assert!(seconds(&messages[0]) <= NEWEST);
        assert!(seconds(messages.last().expect("a message")) >= NEWEST - TWO_YEARS);
    }

    #[test]
    fn identifiers_look_like_gmails_and_are_unique() {
        let messages = of("ann@example.com");
        let ids: HashSet<&str> = messages.iter().map(|message| message.id.as_str()).collect();
        assert_eq!(ids.len(), messages.len());
        assert!(ids.iter().all(|id| id.len() == 16 && id.chars().all(|c| c.is_ascii_hexdigit())));
        assert!(messages.iter().all(|message| ids.contains(message.thread_id.as_str())));
    }

    #[test]
    fn threads_labels_and_attachments_of_every_kind_are_there() {
        let messages = of("ann@example.com");
        let mut threads: HashMap<&str, usize> = HashMap::new();
        for message in messages.iter() {
            *threads.entry(&message.thread_id).or_default() += 1;
        }
        assert!(threads.values().filter(|size| **size > 1).count() > 100);
        for label in SYSTEM_LABELS.iter().filter(|label| !matches!(**label, "DRAFT" | "CHAT")) {
            assert!(messages.iter().filter(|message| message.has(label)).count() >= 10, "{label}");
        }
        for (label, _) in USER_LABELS {
            assert!(messages.iter().filter(|message| message.has(label)).count() >= 10, "{label}");
        }
        assert!(messages.iter().filter(|message| message.attachment.is_some()).count() >= 50);
    }

    #[test]
    fn the_same_seed_gives_the_same_mail() {
        let owner = Person::new("Ann Archer", "ann@example.com");
        let ids = |seed| generate(seed, &owner, 50).into_iter().map(|message| message.id).collect::<Vec<_>>();
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
    }
}
