//! What each operator of the search box finds in a small mailbox.

use super::*;

fn message(subject: &str, labels: &[&'static str]) -> Message {
    Message {
        id: "190000000000000a".into(),
        thread_id: "190000000000000a".into(),
        labels: labels.to_vec(),
        date: 1_772_323_200_000,
        from: Person::new("Grace Okafor", "grace.okafor@example.net"),
        to: Person::new("Ann Archer", "ann@example.com"),
        subject: subject.into(),
        body: "Could you have a look before Friday?".into(),
        attachment: Some("report.pdf"),
    }
}

fn finds(q: &str, message: &Message) -> bool {
    Query::parse(q).finds(message, &[], false)
}

#[test]
fn every_term_must_hold() {
    let mail = message("Dinner on Saturday?", &["INBOX", "UNREAD", "Label_2"]);
    for q in [
        "",
        "dinner",
        "DINNER saturday",
        "from:grace",
        "from:grace.okafor@example.net",
        "from:\"Grace Okafor\"",
        "to:ann@example.com subject:dinner",
        "subject:\"on saturday\"",
        "label:inbox label:travel-plans",
        "label:\"Travel plans\"",
        "label:Label_2",
        "in:inbox is:unread",
        "has:attachment",
        "report.pdf",
        "\"have a look\"",
        "-from:henry -is:starred",
    ] {
        assert!(finds(q, &mail), "{q}");
    }
    for q in [
        "dinn",
        "dinner sunday",
        "from:ann@example.com",
        "subject:look",
        "\"look have\"",
        "label:receipts",
        "is:read",
        "is:starred",
        "in:sent",
        "-dinner",
        "-has:attachment",
        "from:example.net from:example.com",
    ] {
        assert!(!finds(q, &mail), "{q}");
    }
}

#[test]
fn dates_are_days_or_seconds_and_only_the_end_is_left_out() {
    let mail = message("Hello", &["INBOX"]);
    for q in
        ["after:2026/03/01", "after:1772323200", "before:2026/03/02 after:2026/02/28", "before:1772323201"]
    {
        assert!(finds(q, &mail), "{q}");
    }
    for q in ["before:2026/03/01", "before:1772323200", "after:2026/03/02"] {
        assert!(!finds(q, &mail), "{q}");
    }
}

#[test]
fn spam_and_trash_are_hidden_until_they_are_asked_for() {
    let trash = message("Hello", &["TRASH"]);
    assert!(!finds("hello", &trash));
    assert!(!finds("in:spam", &trash));
    assert!(!finds("-in:trash", &trash));
    for q in ["in:trash", "label:trash hello", "in:anywhere"] {
        assert!(finds(q, &trash), "{q}");
    }
    assert!(Query::parse("").finds(&trash, &["TRASH"], false));
    assert!(Query::parse("hello").finds(&trash, &[], true));
}

#[test]
fn labels_of_the_call_must_all_be_there() {
    let mail = message("Hello", &["INBOX", "UNREAD"]);
    let query = Query::parse("");
    assert!(query.finds(&mail, &["INBOX", "UNREAD"], false));
    assert!(!query.finds(&mail, &["INBOX", "STARRED"], false));
}
