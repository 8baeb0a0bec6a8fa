//! docs/events.md has an example of each event, and each is valid.

use std::collections::BTreeSet;

use harness::schemas;
use serde_json::Value;

#[test]
fn each_example_in_the_document_is_a_valid_event() {
    let document = include_str!("../../../docs/events.md");
    let mut shown = BTreeSet::new();
    for block in document.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        let event: Value = serde_json::from_str(block).unwrap_or_else(|error| panic!("{error}: {block}"));
        let Some(detail_type) = event["detail-type"].as_str() else { continue };
        // A rule's pattern has lists in place of texts.
        if !event["detail"]["schema"].is_number() {
            continue;
        }
        assert_eq!(event["source"], "postern");
        assert_eq!(schemas::fault(detail_type, &event["detail"]), None, "{block}");
        shown.insert(detail_type.to_owned());
    }
    assert_eq!(shown.iter().map(String::as_str).collect::<Vec<_>>(), schemas::detail_types());
}
