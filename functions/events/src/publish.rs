//! Puts the events of a batch of stream records on the bus, in the order of the records. The first
//! that fails ends the batch: nothing behind it is published, and Lambda begins there the next
//! time.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use postern::app::App;
use postern::clock::Deadline;
use postern::door::stream::Tally;
use postern::outside::dynamodb::Unreadable;
use postern::outside::dynamodb::stream::{self, Place};
use postern::outside::event_bus::{Entry, MOST_BYTES, MOST_ENTRIES, NotTaken};
use postern::telemetry::metrics;
use postern_rules::error::Reason;
use postern_rules::event::Event;
use postern_rules::user::UserId;
use serde_json::value::RawValue;

/// An event that is not on the bus yet.
struct Waiting<'a> {
    /// Of the record that it was made of.
    sequence_number: &'a str,
    user: UserId,
    /// Why the connection lapsed, if that is what happened.
    lapse: Option<&'static str>,
    entry: Entry,
}

/// Publishes the events of `records`.
pub(crate) async fn publish(
    app: &App,
    records: &[&RawValue],
    deadline: Deadline,
) -> Result<Tally, postern_rules::error::Error> {
    let bus = app.event_bus()?;
    let mut events = Vec::new();
    for record in records {
        events.extend(read(record, &app.config.credentials_table, stream::event));
    }
    let mut tally = Tally { records: records.len(), ..Tally::default() };
    if events.is_empty() {
        return Ok(tally);
    }
    let keyring = app.secrets.keyring().await?;
    let waiting = events.into_iter().filter_map(|(sequence_number, event)| {
        let detail = event.detail(&keyring.pseudonym(event.user()), app.config.events_carry_email);
        let entry = Entry { detail_type: event.kind.detail_type(), detail };
        if entry.size() > MOST_BYTES {
            skip(sequence_number, "its event is larger than the bus takes");
            return None;
        }
        let lapse = event.reason.map(Reason::as_str);
        Some(Waiting { sequence_number, user: event.user().clone(), lapse, entry })
    });
    let waiting: Vec<Waiting<'_>> = waiting.collect();
    let mut rest = waiting.as_slice();
    while !rest.is_empty() {
        let (call, later) = rest.split_at(fits_one_call(rest));
        let entries: Vec<Entry> = call.iter().map(|waiting| waiting.entry.clone()).collect();
        let outcome = bus.put(&entries, deadline).await;
        let taken = outcome.as_ref().map_or_else(|not_taken| not_taken.taken, |()| entries.len());
        for waiting in &call[..taken] {
            metrics::count_event(waiting.entry.detail_type);
            if let Some(reason) = waiting.lapse {
                metrics::count_lapse(reason);
            }
        }
        tally.events += taken;
        if let Err(NotTaken { text, .. }) = outcome {
            let sequence_number = call[taken].sequence_number;
            tracing::warn!(event = "not_published", sequence_number, error = text, "the batch stops here");
            tally.failed_at = Some(sequence_number.to_owned());
            break;
        }
        rest = later;
    }
    Ok(tally)
}

/// How many of the first events go into one call: each of another user. The bus may refuse an event
/// of a call and take a later one, which must not be the same user's.
fn fits_one_call(waiting: &[Waiting<'_>]) -> usize {
    let (mut users, mut bytes) = (HashSet::new(), 0);
    let fits = waiting.iter().take(MOST_ENTRIES).take_while(|waiting| {
        bytes += waiting.entry.size();
        bytes <= MOST_BYTES && users.insert(&waiting.user)
    });
    fits.count()
}

/// The event of a record of `table`, and the record's sequence number. A record that cannot be read
/// is logged, counted and passed over: it would hold up all behind it, and never become readable.
fn read<'a>(
    record: &'a RawValue,
    table: &str,
    event: impl Fn(&RawValue) -> Result<Option<Event>, Unreadable>,
) -> Option<(&'a str, Event)> {
    let Some(place) = Place::of(record) else {
        skip("unknown", "it is no record of a stream");
        return None;
    };
    if !place.is_of(table) {
        skip(place.sequence_number(), "it is of another table");
        return None;
    }
    match catch_unwind(AssertUnwindSafe(|| event(record))) {
        Ok(Ok(event)) => Some((place.sequence_number(), event?)),
        Ok(Err(error)) => {
            skip(place.sequence_number(), &error.to_string());
            None
        }
        Err(_) => {
            skip(place.sequence_number(), "reading it ended in a panic");
            None
        }
    }
}

/// Logs a record that no event can be made of. Never shows what is in it.
fn skip(sequence_number: &str, why: &str) {
    metrics::count_unreadable_record();
    tracing::error!(
        event = "unreadable_record",
        sequence_number,
        why,
        "a record of the stream is passed over"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(user: &str, size: usize) -> Waiting<'static> {
        let entry = Entry { detail_type: "", detail: "x".repeat(size) };
        Waiting { sequence_number: "1", user: UserId::parse(user).unwrap(), lapse: None, entry }
    }

    #[test]
    fn f105_one_call_has_one_event_of_a_user_and_ten_in_all() {
        let of = |users: &[&str]| -> Vec<Waiting<'_>> { users.iter().map(|user| waiting(user, 9)).collect() };
        assert_eq!(fits_one_call(&of(&["1"])), 1);
        assert_eq!(fits_one_call(&of(&["1", "2", "1", "3"])), 2);
        let many: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        assert_eq!(fits_one_call(&of(&many.iter().map(String::as_str).collect::<Vec<_>>())), 10);
    }

    #[test]
    fn f105_one_call_has_no_more_bytes_than_the_bus_takes() {
        let half = MOST_BYTES / 2 - waiting("1", 0).entry.size();
        assert_eq!(fits_one_call(&[waiting("1", half), waiting("2", half), waiting("3", 0)]), 2);
        assert_eq!(fits_one_call(&[waiting("1", half), waiting("2", half + 1)]), 1);
    }

    #[test]
    fn a107_a_record_that_makes_the_reader_panic_is_passed_over() {
        let record =
            r#"{"eventSourceARN":"arn:aws:dynamodb:r:1:table/t/stream/s","dynamodb":{"SequenceNumber":"7"}}"#;
        let record: &RawValue = serde_json::from_str(record).unwrap();
        assert!(read(record, "t", |_| panic!("as a defect would")).is_none());
    }
}
