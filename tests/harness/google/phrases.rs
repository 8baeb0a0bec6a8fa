//! The words of the invented mail: who writes, about what, and how a thread goes on.

use super::mailbox::{Dice, Person};

/// What a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Work,
    Personal,
    Newsletter,
    Update,
    Social,
    Forum,
    Receipt,
    Travel,
    Spam,
}

impl Kind {
    /// The tab of the inbox that it comes under.
    pub(super) fn category(self) -> &'static str {
        match self {
            Self::Work | Self::Personal => "CATEGORY_PERSONAL",
            Self::Newsletter | Self::Spam => "CATEGORY_PROMOTIONS",
            Self::Update | Self::Receipt | Self::Travel => "CATEGORY_UPDATES",
            Self::Social => "CATEGORY_SOCIAL",
            Self::Forum => "CATEGORY_FORUMS",
        }
    }
}

/// One message of a thread, before it has an ID and a date.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) from: Person,
    pub(super) to: Person,
    pub(super) subject: String,
    pub(super) body: String,
    pub(super) attachment: Option<&'static str>,
}

const FRIENDS: [(&str, &str); 8] = [
    ("Grace Okafor", "grace.okafor@example.net"),
    ("Henry Lindqvist", "henry@lindqvist.example"),
    ("Isabel Moreno", "isabel.moreno@example.net"),
    ("Jonas Weber", "jonas.weber@example.de"),
    ("Keiko Tanaka", "keiko@tanaka.example"),
    ("Liam O'Brien", "liam.obrien@example.ie"),
    ("Mina Farouk", "mina@farouk.example"),
    ("Noor Haddad", "noor.haddad@example.net"),
];
const COLLEAGUES: [(&str, &str); 7] = [
    ("Priya Raman", "priya.raman@northwind.example"),
    ("Oliver Stone", "oliver.stone@northwind.example"),
    ("Quentin Blake-Hart", "quentin@northwind.example"),
    ("Rosa Delgado", "rosa.delgado@northwind.example"),
    ("Samir Patel", "samir.patel@contractor.example"),
    ("Tove Nilsen", "tove.nilsen@northwind.example"),
    ("Uma Krishnan", "uma@supplier.example"),
];
const SHOPS: [(&str, &str); 4] = [
    ("Paper & Ink", "orders@paperandink.example"),
    ("Greenleaf Grocers", "receipts@greenleaf.example"),
    ("Corner Books", "hello@cornerbooks.example"),
    ("Bright Bicycles", "service@brightbicycles.example"),
];
const CARRIERS: [(&str, &str); 3] = [
    ("Northern Rail", "tickets@northernrail.example"),
    ("Harbour Ferries", "booking@harbourferries.example"),
    ("Alpine Airways", "noreply@alpineairways.example"),
];
const LETTERS: [(&str, &str); 4] = [
    ("The Weekly Garden", "news@weeklygarden.example"),
    ("Cooks' Digest", "digest@cooksdigest.example"),
    ("City Cinema", "programme@citycinema.example"),
    ("Outdoor Outlet", "offers@outdooroutlet.example"),
];
const SERVICES: [(&str, &str); 4] = [
    ("Harbour Bank", "alerts@harbourbank.example"),
    ("City Energy", "billing@cityenergy.example"),
    ("Build Robot", "builds@ci.northwind.example"),
    ("Library", "notices@library.example"),
];
const NETWORKS: [(&str, &str); 2] =
    [("Plaza", "notify@plaza.example"), ("Worklink", "updates@worklink.example")];
const LISTS: [(&str, &str); 2] =
    [("Allotment list", "allotment@lists.example"), ("Rust users", "rust-users@lists.example")];
const SCAMS: [(&str, &str); 3] = [
    ("Prize Office", "winner@prizes.invalid"),
    ("Crypto Desk", "desk@quickcoin.invalid"),
    ("Dr. Lotto", "claims@lotto.invalid"),
];

const SUBJECTS: [(Kind, &[&str]); 9] = [
    (
        Kind::Work,
        &[
            "Quarterly report: first draft",
            "Minutes of Monday's planning meeting",
            "Invoice questions for the supplier",
            "Offsite agenda",
            "Release checklist",
            "Budget for next year",
            "Interview on Thursday",
            "Contract renewal",
        ],
    ),
    (
        Kind::Personal,
        &[
            "Dinner on Saturday?",
            "Photos from the lake",
            "Birthday present for Mum",
            "The book I told you about",
            "Weekend in the mountains",
            "Moving day",
            "Choir rehearsal",
        ],
    ),
    (
        Kind::Newsletter,
        &[
            "What to plant this month",
            "Five soups for cold evenings",
            "This week's programme",
            "20% off tents",
        ],
    ),
    (
        Kind::Update,
        &[
            "Your statement is ready",
            "Your bill for this month",
            "Build failed on main",
            "A book is due back",
        ],
    ),
    (Kind::Social, &["You have a new follower", "3 people viewed your profile", "Someone mentioned you"]),
    (
        Kind::Forum,
        &["Water butt by the gate", "Lifetimes in async traits", "Work party on Sunday", "Seed swap"],
    ),
    (Kind::Receipt, &["Your receipt", "Order confirmation", "Thank you for your order"]),
    (Kind::Travel, &["Your booking is confirmed", "Your ticket", "Check in now", "Change of platform"]),
    (Kind::Spam, &["You have WON", "Urgent: claim your prize", "Double your coins today"]),
];
const SENTENCES: [&str; 14] = [
    "I went through the numbers again and they add up now.",
    "Could you have a look before Friday?",
    "The train leaves at eight, so let us meet at the station.",
    "Please find the document attached.",
    "It rained all weekend, but we had a good time.",
    "The supplier wants an answer by the end of the month.",
    "I have put the key under the blue flower pot.",
    "Nothing urgent, it can wait until next week.",
    "There are still three open points on the list.",
    "Bring the umbrella, the forecast is not kind.",
    "The new schedule starts on Monday.",
    "We need one more signature.",
    "Thank you for your patience.",
    "The meeting room on the second floor is free.",
];
const ANSWERS: [&str; 5] = [
    "Sounds good to me.",
    "I will check and come back to you.",
    "Yes, gladly!",
    "Can we make it a day later?",
    "Done.",
];
const FILES: [&str; 4] = ["report.pdf", "photo.jpg", "schedule.ics", "figures.xlsx"];

/// What the next thread is; half of a mailbox is people, half is machines.
pub(super) fn kind(dice: &mut Dice) -> Kind {
    match dice.below(100) {
        0..24 => Kind::Work,
        24..42 => Kind::Personal,
        42..57 => Kind::Newsletter,
        57..70 => Kind::Update,
        70..77 => Kind::Social,
        77..83 => Kind::Forum,
        83..90 => Kind::Receipt,
        90..95 => Kind::Travel,
        _ => Kind::Spam,
    }
}

/// The messages of one thread, oldest first.
pub(super) fn thread(dice: &mut Dice, kind: Kind, owner: &Person) -> Vec<Letter> {
    let (name, address) = dice.pick(correspondents(kind));
    let other = Person::new(name, address);
    let subject = subject(dice, kind);
    let is_between_people = matches!(kind, Kind::Work | Kind::Personal | Kind::Forum);
    let length = if is_between_people { dice.pick(&[1, 1, 2, 2, 3, 4, 6]) } else { 1 };
    let owner_begins = is_between_people && dice.percent(30);
    let mut letters = Vec::new();
    for index in 0..length {
        let owner_writes = is_between_people && (index % 2 == 0) == owner_begins;
        let (from, to) = if owner_writes { (owner, &other) } else { (&other, owner) };
        let opening = if index == 0 { dice.pick(&SENTENCES) } else { dice.pick(&ANSWERS) };
        let body = format!(
            "{opening} {}\n{}\n\n{}\n",
            dice.pick(&SENTENCES),
            dice.pick(&SENTENCES),
            from.name.split(' ').next().unwrap_or_default(),
        );
        let attaches = matches!(kind, Kind::Work | Kind::Personal | Kind::Receipt | Kind::Travel);
        letters.push(Letter {
            from: from.clone(),
            to: to.clone(),
            subject: if index == 0 { subject.clone() } else { format!("Re: {subject}") },
            body,
            attachment: (attaches && dice.percent(18)).then(|| dice.pick(&FILES)),
        });
    }
    letters
}

fn subject(dice: &mut Dice, kind: Kind) -> String {
    let subjects = SUBJECTS.iter().find(|(known, _)| *known == kind).map_or(&["Hello"][..], |(_, list)| list);
    let subject = dice.pick(subjects);
    match kind {
        Kind::Receipt | Kind::Travel => format!("{subject} (no. {})", 100_000 + dice.below(900_000)),
        _ => subject.to_owned(),
    }
}

fn correspondents(kind: Kind) -> &'static [(&'static str, &'static str)] {
    match kind {
        Kind::Work => &COLLEAGUES,
        Kind::Personal => &FRIENDS,
        Kind::Newsletter => &LETTERS,
        Kind::Update => &SERVICES,
        Kind::Social => &NETWORKS,
        Kind::Forum => &LISTS,
        Kind::Receipt => &SHOPS,
        Kind::Travel => &CARRIERS,
        Kind::Spam => &SCAMS,
    }
}
