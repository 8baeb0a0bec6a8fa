//! What openapi.yaml says about errors: every code that a function answers stands there, at its
//! route and status, or among the general errors.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

use super::Answer;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_norway::from_str(include_str!("../../../openapi.yaml")).expect("it is YAML"));

/// Asserts that the code of an answer to this event is documented.
pub(super) fn assert_of_answer(event: &str, answer: &Answer) {
    let event: Value = serde_json::from_str(event).unwrap_or_default();
    let path = event["rawPath"].as_str().unwrap_or_default();
    let method = event["requestContext"]["http"]["method"].as_str().unwrap_or_default().to_lowercase();
    let paths = DOCUMENT["paths"].as_object().expect("it has paths");
    let Some((_, item)) = paths.iter().find(|(template, _)| is_at(template, path)) else { return };
    // No client has to expect an answer to a method that the route does not have.
    let Some(operation) = item.get(&method) else { return };
    let response = &operation["responses"][answer.status.to_string()];
    let response = match response["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(&reference[1..]).expect("a reference leads somewhere"),
        None => response,
    };
    let is_documented = answer.code().is_empty()
        || [&response["description"], &DOCUMENT["info"]["description"]]
            .into_iter()
            .any(|description| names(description).contains(answer.code()));
    assert!(is_documented, "openapi.yaml does not list this at {method} {path}: {answer:?}");
}

/// Whether a path belongs to the template of a route, in which `{id}` is any one segment.
fn is_at(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/').rev(), path.split('/').rev());
    let count = template.clone().count();
    count == path.clone().take(count).count()
        && template
            .zip(path)
            .all(|(known, found)| known.is_empty() || known.starts_with('{') || known == found)
}

/// The words between backticks.
fn names(description: &Value) -> BTreeSet<&str> {
    description.as_str().unwrap_or_default().split('`').skip(1).step_by(2).collect()
}
