//! The mailboxes: generated from a fixed seed, the same on every machine and in every run.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;

/// The newest message is a little older than this: 2026-09-30 00:00 UTC, in seconds since the
/// epoch.
const NEWEST: i64 = 1_790_726_400;
const DAY: i64 = 86_400;
const TWO_YEARS: i64 = 2 * 365 * DAY;

/// User labels, by ID and name.
pub(super) const USER_LABELS: [(&str, &str); 2] = [("Label_1", "Receipts"), ("Label_2", "Travel plans")];
/// System labels, by ID, which is their name too.
const SYSTEM_LABELS: [&str; 14] = [
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

/// A kind of thread.
struct Kind {
    /// How many of a hundred threads are of this kind.
    share: u32,
    /// The labels that its messages have in addition to random ones.
    labels: &'static [&'static str],
    /// Whether the owner answers.
    is_talk: bool,
    /// Who writes: names and addresses.
    correspondents: &'static [(&'static str, &'static str)],
    subjects: &'static [&'static str],
}

const KINDS: [Kind; 9] = [
    Kind {
        share: 24,
        labels: &["CATEGORY_PERSONAL"],
        is_talk: true,
        correspondents: &[
            ("Priya Raman", "priya.raman@northwind.example"),
            ("Oliver Stone", "oliver.stone@northwind.example"),
            ("Quentin Blake-Hart", "quentin@northwind.example"),
            ("Samir Patel", "samir.patel@contractor.example"),
            ("Uma Krishnan", "uma@supplier.example"),
        ],
        subjects: &[
            "Quarterly report: first draft",
            "Minutes of Monday's planning meeting",
            "Invoice questions for the supplier",
            "Release checklist",
            "Budget for next year",
            "Interview on Thursday",
        ],
    },
    Kind {
        share: 18,
        labels: &["CATEGORY_PERSONAL"],
        is_talk: true,
        correspondents: &[
            ("Zoë Okafor", "zoe.okafor@example.net"),
            ("Henry Lindström", "henry@lindstroem.example"),
            ("田中 恵子", "keiko@tanaka.example"),
            ("Liam O'Brien", "liam.obrien@example.ie"),
            ("Noor Haddad", "noor.haddad@example.net"),
        ],
        subjects: &[
            "Dinner at the café on Saturday?",
            "Photos from the lake",
            "Birthday present for Mum",
            "Weekend in the mountains",
            "Choir rehearsal",
        ],
    },
    Kind {
        share: 15,
        labels: &["CATEGORY_PROMOTIONS"],
        is_talk: false,
        correspondents: &[
            ("The Weekly Garden", "news@weeklygarden.example"),
            ("Cooks' Digest", "digest@cooksdigest.example"),
            ("Outdoor Outlet", "offers@outdooroutlet.example"),
        ],
        subjects: &["What to plant this month", "Five soups for cold evenings", "20% off tents"],
    },
    Kind {
        share: 13,
        labels: &["CATEGORY_UPDATES"],
        is_talk: false,
        correspondents: &[
            ("Harbour Bank", "alerts@harbourbank.example"),
            ("City Energy", "billing@cityenergy.example"),
            ("Build Robot", "builds@ci.northwind.example"),
        ],
        subjects: &["Your statement is ready", "Your bill for this month", "Build failed on main"],
    },
    Kind {
        share: 7,
        labels: &["CATEGORY_SOCIAL"],
        is_talk: false,
        correspondents: &[("Plaza", "notify@plaza.example"), ("Worklink", "updates@worklink.example")],
        subjects: &["You have a new follower", "3 people viewed your profile", "Someone mentioned you"],
    },
    Kind {
        share: 6,
        labels: &["CATEGORY_FORUMS"],
        is_talk: true,
        correspondents: &[
            ("Allotment list", "allotment@lists.example"),
            ("Rust users", "rust-users@lists.example"),
        ],
        subjects: &["Water butt by the gate", "Lifetimes in async traits", "Seed swap"],
    },
    Kind {
        share: 7,
        labels: &["CATEGORY_UPDATES", "Label_1"],
        is_talk: false,
        correspondents: &[
            ("Paper & Ink", "orders@paperandink.example"),
            ("Corner Books", "hello@cornerbooks.example"),
        ],
        subjects: &["Your receipt", "Order confirmation"],
    },
    Kind {
        share: 5,
        labels: &["CATEGORY_UPDATES", "Label_2"],
        is_talk: false,
        correspondents: &[
            ("Northern Rail", "tickets@northernrail.example"),
            ("Alpine Airways", "noreply@alpineairways.example"),
        ],
        subjects: &["Your booking is confirmed", "Check in now", "Change of platform"],
    },
    Kind {
        share: 5,
        labels: &["SPAM"],
        is_talk: false,
        correspondents: &[
            ("Prize Office", "winner@prizes.invalid"),
            ("Crypto Desk", "desk@quickcoin.invalid"),
        ],
        subjects: &["You have WON", "Double your coins today"],
    },
];
const SENTENCES: [&str; 10] = [
    "I went through the numbers again and they add up now.",
    "Could you have a look before Friday?",
    "The train leaves at eight, so let us meet at the station.",
    "It rained all weekend, but we'd a good time: fish & chips by the fire.",
    "The supplier wants an answer by the end of the month.",
    "I have put the key under the blue flower pot.",
    "There are still three open points on the list.",
    "The new schedule starts on Monday.",
    "Thank you for your patience.",
    "The meeting room on the second floor is free.",
];

/// The label with this ID, if a mailbox has one.
pub(super) fn known_label(id: &str) -> Option<&'static str> {
    let user_labels = USER_LABELS.iter().map(|(known, _)| *known);
    SYSTEM_LABELS.into_iter().chain(user_labels).find(|known| *known == id)
}

/// A correspondent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) address: String,
}

impl Person {
    fn new((name, address): (&str, &str)) -> Self {
        Self { name: name.into(), address: address.into() }
    }

    /// Reads `Name <address>`, or an address alone.
    pub(super) fn parse(text: &str) -> Self {
        let (name, address) = text.trim_end_matches('>').rsplit_once('<').unwrap_or(("", text));
        Self::new((name.trim(), address.trim()))
    }

    /// As in a header: `Ann Archer <ann@example.com>`, the name encoded where it must be.
    pub(super) fn mailbox(&self) -> String {
        if self.name.is_empty() {
            return self.address.clone();
        }
        format!("{} <{}>", encoded(&self.name), self.address)
    }
}

/// A text as it stands in a header (RFC 2047).
pub(super) fn encoded(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { format!("=?UTF-8?B?{}?=", STANDARD.encode(text)) }
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
}

impl Message {
    pub(super) fn has(&self, label: &str) -> bool {
        self.labels.contains(&label)
    }

    /// The beginning of the text, written for a page as Gmail does.
    pub(super) fn snippet(&self) -> String {
        let text: String =
            self.body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(150).collect();
        let entities = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")];
        entities.iter().fold(text, |text, (character, entity)| text.replace(*character, entity))
    }
}

type Mailbox = LazyLock<Arc<Vec<Message>>>;

static ANN: Mailbox = LazyLock::new(|| generate(1, ("Ann Archer", "ann@example.com"), 1_240));
static BEN: Mailbox = LazyLock::new(|| generate(2, ("Ben Baker", "ben@example.com"), 140));
static CLEO: Mailbox = LazyLock::new(|| generate(3, ("Cleo Carter", "cleo@example.org"), 60));

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
fn generate(seed: u64, owner: (&str, &str), count: usize) -> Arc<Vec<Message>> {
    let mut dice = Rng::with_seed(seed);
    let owner = Person::new(owner);
    let mut messages = Vec::with_capacity(count + 8);
    while messages.len() < count {
        add_thread(&mut messages, &mut dice, &owner);
    }
    messages.sort_by(|one, other| other.id.cmp(&one.id));
    messages.dedup_by(|one, other| one.id == other.id);
    Arc::new(messages)
}

fn pick<'a, T>(dice: &mut Rng, choices: &'a [T]) -> &'a T {
    &choices[dice.usize(0..choices.len())]
}

fn add_thread(messages: &mut Vec<Message>, dice: &mut Rng, owner: &Person) {
    let mut rest = dice.u32(0..100);
    let is_it = |kind: &&Kind| {
        let found = rest < kind.share;
        rest = rest.saturating_sub(kind.share);
        found
    };
    let kind = KINDS.iter().find(is_it).unwrap_or(&KINDS[0]);
    let other = Person::new(*pick(dice, kind.correspondents));
    let subject = *pick(dice, kind.subjects);
    let length = if kind.is_talk { *pick(dice, &[1, 1, 2, 2, 3, 4, 6]) } else { 1 };
    let owner_begins = kind.is_talk && dice.u32(0..100) < 30;
    // The oldest thread begins two years back; the last hours before NEWEST are left for answers.
    let mut date = (NEWEST - TWO_YEARS + dice.i64(0..TWO_YEARS - 3 * DAY)) * 1000;
    let mut thread_id = None;
    for index in 0..length {
        date += dice.i64(0..36_000_000);
        // Gmail's IDs are the time in milliseconds and some twenty bits more.
        let id = format!("{date:011x}{:05x}", dice.u32(0..0x10_0000));
        let owner_writes = kind.is_talk && (index % 2 == 0) == owner_begins;
        let (from, to) = if owner_writes { (owner, &other) } else { (&other, owner) };
        let first_name = from.name.split(' ').next().unwrap_or_default();
        messages.push(Message {
            thread_id: thread_id.get_or_insert_with(|| id.clone()).clone(),
            id,
            labels: labels(dice, kind, owner_writes, NEWEST - date / 1000),
            date,
            subject: if index == 0 { subject.to_owned() } else { format!("Re: {subject}") },
            body: format!("{} {}\n\n{first_name}\n", pick(dice, &SENTENCES), pick(dice, &SENTENCES)),
            from: from.clone(),
            to: to.clone(),
        });
    }
}

/// Recent messages are unread more often, and old ones are archived.
fn labels(dice: &mut Rng, kind: &Kind, is_sent: bool, age: i64) -> Vec<&'static str> {
    let mut percent = |chance: u32| dice.u32(0..100) < chance;
    let mut labels: Vec<&'static str> = if is_sent { vec!["SENT"] } else { kind.labels.to_vec() };
    if kind.labels.contains(&"SPAM") {
        labels.extend(percent(70).then_some("UNREAD"));
        return labels;
    }
    let is_trash = percent(4);
    if !is_sent {
        labels.extend(percent(if age < 30 * DAY { 45 } else { 8 }).then_some("UNREAD"));
        labels.extend((!is_trash && percent(if age < 90 * DAY { 90 } else { 55 })).then_some("INBOX"));
        labels.extend((kind.is_talk && percent(50)).then_some("IMPORTANT"));
    }
    labels.extend(is_trash.then_some("TRASH"));
    labels.extend(percent(5).then_some("STARRED"));
    labels
}
