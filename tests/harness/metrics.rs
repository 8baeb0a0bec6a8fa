//! The metrics that a test's requests wrote: captured, checked against CloudWatch's embedded metric
//! format, and summarised as text.
#![expect(clippy::missing_panics_doc, reason = "a test that finds a line which is none has failed")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

use serde_json::Value;

/// The namespace of metrics in tests.
pub const NAMESPACE: &str = "Postern/test";
/// The function's name in a test.
pub const FUNCTION_NAME: &str = "postern-test";

/// The CloudWatch units (`MetricDatum`) that make sense here.
const UNITS: [&str; 8] =
    ["Seconds", "Microseconds", "Milliseconds", "Bytes", "Percent", "Count", "Count/Second", "None"];
/// The format's limits.
const MOST_DIMENSIONS: usize = 30;
const MOST_METRICS: usize = 100;
const MOST_VALUES: usize = 100;

thread_local! {
    /// Each test runs in a thread of its own, so what is written there comes from that test.
    static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Captures what is written in this thread.
pub struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.with_borrow_mut(|written| written.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines of metrics, each valid in the format.
#[derive(Debug)]
pub struct Metrics(pub Vec<Value>);

impl Metrics {
    /// What was written in this thread since the last call.
    pub fn take() -> Self {
        let written = String::from_utf8(WRITTEN.take()).expect("metrics are text");
        assert!(written.is_empty() || written.ends_with('\n'), "the last line has an end");
        Self(
            written
                .lines()
                .map(|line| checked(line).unwrap_or_else(|wrong| panic!("{wrong}: {line}")))
                .collect(),
        )
    }

    /// What was counted, by dimension set and sorted: `Refreshes Outcome=rotated 1`. Several values
    /// are joined: `1+0`.
    pub fn counted(&self) -> Vec<String> {
        let mut counted = Vec::new();
        self.each(|line, dimensions, name, unit| {
            if unit == "Milliseconds" {
                return;
            }
            let mut words = vec![name.to_owned()];
            words.extend(
                dimensions.iter().map(|key| format!("{key}={}", line[*key].as_str().unwrap_or_default())),
            );
            words.push(values(line, name).iter().map(f64::to_string).collect::<Vec<_>>().join("+"));
            counted.push(words.join(" "));
        });
        counted.sort();
        counted
    }

    /// How many calls were timed, by metric.
    pub fn timed(&self) -> BTreeMap<String, usize> {
        self.times().into_iter().map(|(name, values)| (name, values.len())).collect()
    }

    /// The times in milliseconds, by metric.
    pub fn times(&self) -> BTreeMap<String, Vec<f64>> {
        let mut times = BTreeMap::new();
        self.each(|line, dimensions, name, unit| {
            if unit == "Milliseconds" {
                assert_eq!(dimensions, ["FunctionName"], "a time belongs to a function");
                times.insert(name.to_owned(), values(line, name));
            }
        });
        times
    }

    /// The lines of one request.
    #[must_use]
    pub fn of(&self, request_id: &str) -> Self {
        Self(self.0.iter().filter(|line| line["request_id"] == request_id).cloned().collect())
    }

    fn each(&self, mut see: impl FnMut(&Value, &[&str], &str, &str)) {
        for line in &self.0 {
            for directive in list(&line["_aws"]["CloudWatchMetrics"]) {
                for set in list(&directive["Dimensions"]) {
                    let dimensions: Vec<&str> = list(set).iter().filter_map(Value::as_str).collect();
                    for metric in list(&directive["Metrics"]) {
                        let text = |member: &str| metric[member].as_str().unwrap_or_default();
                        see(line, &dimensions, text("Name"), text("Unit"));
                    }
                }
            }
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The values of a metric, which has one number or several.
fn values(line: &Value, name: &str) -> Vec<f64> {
    match &line[name] {
        Value::Array(values) => values.iter().filter_map(Value::as_f64).collect(),
        value => value.as_f64().into_iter().collect(),
    }
}

/// The JSON document of a line, if it is valid by CloudWatch's "Specification: Embedded metric
/// format" and Lambda lets it through at every log level.
pub fn checked(line: &str) -> Result<Value, &'static str> {
    let document: Value = serde_json::from_str(line).map_err(|_| "not one JSON document")?;
    let root = document.as_object().ok_or("not an object")?;
    let metadata = root.get("_aws").and_then(Value::as_object).ok_or("no _aws")?;
    if !metadata.get("Timestamp").is_some_and(Value::is_i64) {
        return Err("no Timestamp in milliseconds");
    }
    let directives =
        metadata.get("CloudWatchMetrics").and_then(Value::as_array).ok_or("no CloudWatchMetrics")?;
    if directives.is_empty() {
        return Err("a line without a metric");
    }
    for directive in directives {
        check_directive(directive, &document)?;
    }
    let is_known_level = document["level"] == "FATAL";
    let is_timed =
        document["timestamp"].as_str().is_some_and(|time| time.ends_with('Z') && time.contains('T'));
    if is_known_level && is_timed { Ok(document) } else { Err("a line that a log level could drop") }
}

fn check_directive(directive: &Value, root: &Value) -> Result<(), &'static str> {
    let members = directive.as_object().ok_or("a directive that is no object")?;
    if members.keys().any(|name| !["Namespace", "Dimensions", "Metrics"].contains(&name.as_str())) {
        return Err("a directive with a member of no meaning");
    }
    if !directive["Namespace"].as_str().is_some_and(|name| (1..=255).contains(&name.len())) {
        return Err("no Namespace");
    }
    let sets =
        directive["Dimensions"].as_array().filter(|sets| !sets.is_empty()).ok_or("no dimension set")?;
    for set in sets {
        let keys = set.as_array().ok_or("a dimension set that is no list")?;
        let is_there = |key: &Value| {
            let value = key.as_str().and_then(|key| root[key].as_str());
            value.is_some_and(|value| (1..=1024).contains(&value.len()) && value.is_ascii())
        };
        if keys.len() > MOST_DIMENSIONS || !keys.iter().all(is_there) {
            return Err("a dimension without a text as its value, or too many");
        }
    }
    let metrics = directive["Metrics"].as_array().ok_or("no Metrics")?;
    if metrics.is_empty() || metrics.len() > MOST_METRICS {
        return Err("no metric, or too many");
    }
    for metric in metrics {
        let name = metric["Name"].as_str().ok_or("a metric without a name")?;
        if !metric["Unit"].as_str().is_some_and(|unit| UNITS.contains(&unit)) {
            return Err("a unit that CloudWatch does not know");
        }
        let is_numeric = match &root[name] {
            Value::Array(values) => values.iter().all(Value::is_number),
            value => value.is_number(),
        };
        if !is_numeric || !(1..=MOST_VALUES).contains(&values(root, name).len()) {
            return Err("a metric without values, or with too many");
        }
    }
    Ok(())
}
