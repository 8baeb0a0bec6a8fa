//! Metrics as lines of the embedded metric format (CloudWatch, "Specification: Embedded metric
//! format"). Only this file names their names, units and dimensions.

use std::collections::BTreeMap;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use postern_rules::config::MetricsNames;
use postern_rules::time::Timestamp;
use serde::{Serialize, Serializer};

use super::{BackEnd, Metric, Observation};

/// The dimension whose value is the name of the Lambda function.
const FUNCTION_NAME: &str = "FunctionName";
/// Lambda drops lines below the function's log level. A line without a level, or without a
/// timestamp in RFC 3339, counts as `INFO` (Lambda, "Log-level filtering"). `FATAL` passes every
/// level, and the log itself never uses it.
const LEVEL: &str = "FATAL";

/// A metric's dimension sets. The empty set covers the whole stack.
pub type Dimensions = &'static [&'static [&'static str]];

const WHOLE_STACK: Dimensions = &[&[]];
const EACH_FUNCTION: Dimensions = &[&[FUNCTION_NAME]];

/// Every metric's name and dimension sets, as alarms and dashboards can use them.
pub fn published() -> impl Iterator<Item = (&'static str, Dimensions)> {
    Metric::ALL.into_iter().map(|metric| {
        let (name, _, dimensions) = metric.facts();
        (name, dimensions)
    })
}

impl Metric {
    /// The name, unit and dimension sets. Alarms and the dashboard refer to them.
    const fn facts(self) -> (&'static str, &'static str, Dimensions) {
        match self {
            Self::OperatorErrors => ("OperatorErrors", "Count", &[&[], &["Code"]]),
            Self::SealFailures => ("SealFailures", "Count", WHOLE_STACK),
            Self::TokensNotStored => ("TokensNotStored", "Count", WHOLE_STACK),
            Self::StaleSecrets => ("StaleSecrets", "Count", WHOLE_STACK),
            Self::Refreshes => ("Refreshes", "Count", &[&["Outcome"]]),
            // The values are 0 and 1, so the average is the rate.
            Self::RefreshFailures => ("RefreshFailures", "None", WHOLE_STACK),
            Self::TokenDeaths => ("TokenDeaths", "None", WHOLE_STACK),
            Self::Unauthorized => ("Unauthorized", "Count", &[&["Reason"]]),
            Self::GmailErrors => ("GmailErrors", "Count", &[&["GmailReason"]]),
            Self::SignIns => ("SignIns", "Count", &[&["SignInOutcome"]]),
            Self::TokensHandedOut => ("TokensHandedOut", "Count", &[&["Asked"]]),
            Self::EventsPublished => ("EventsPublished", "Count", &[&["DetailType"]]),
            Self::UnreadableRecords => ("UnreadableRecords", "Count", WHOLE_STACK),
            Self::ConnectedUsers => ("ConnectedUsers", "Count", WHOLE_STACK),
            Self::Lapses => ("Lapses", "Count", &[&["LapseReason"]]),
            Self::SecurityEvents => ("SecurityEvents", "Count", &[&["SecurityEvent"]]),
            Self::SweptGrants => ("SweptGrants", "Count", &[&["SweepOutcome"]]),
            Self::Grants => ("Grants", "Count", &[&["GrantState"]]),
            Self::GrantAges => ("GrantAges", "Count", &[&["GrantAge"]]),
            Self::GrantsEnding => ("GrantsEnding", "Count", &[&["EndsWithin"]]),
            Self::Time(BackEnd::DynamoDb) => ("DynamoDbTime", "Milliseconds", EACH_FUNCTION),
            Self::Time(BackEnd::SecretsManager) => ("SecretsManagerTime", "Milliseconds", EACH_FUNCTION),
            Self::Time(BackEnd::GoogleToken) => ("GoogleTokenTime", "Milliseconds", EACH_FUNCTION),
            Self::Time(BackEnd::Gmail) => ("GmailTime", "Milliseconds", EACH_FUNCTION),
            Self::Time(BackEnd::EventBridge) => ("EventBridgeTime", "Milliseconds", EACH_FUNCTION),
        }
    }
}

impl Observation {
    /// The name and value of the dimension that the metric is split by.
    fn dimension<'a>(&self, names: &'a MetricsNames) -> Option<(&'static str, &'a str)> {
        let (_, _, sets) = self.metric.facts();
        let dimension = *sets.iter().copied().flatten().next()?;
        Some((dimension, if dimension == FUNCTION_NAME { &names.function_name } else { self.of }))
    }
}

/// The request that a line belongs to.
pub(super) struct Origin<'a> {
    pub(super) names: &'a MetricsNames,
    pub(super) at: Timestamp,
    pub(super) route: &'a str,
    pub(super) request_id: &'a str,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "_aws")]
    metadata: Metadata<'a>,
    level: &'static str,
    timestamp: String,
    route: &'a str,
    request_id: &'a str,
    #[serde(flatten)]
    dimensions: BTreeMap<&'static str, &'a str>,
    #[serde(flatten)]
    values: BTreeMap<&'static str, Values>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: i64,
    cloud_watch_metrics: Vec<Directive<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    dimensions: Dimensions,
    metrics: Vec<Definition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: &'static str,
}

#[derive(Default)]
struct Values(Vec<f64>);

/// A single value is written as a number, which is easier to query in the log.
impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [value] => value.serialize(serializer),
            values => values.serialize(serializer),
        }
    }
}

/// The lines, each with its newline: nearly always one, none if nothing was collected. A dimension
/// has one value in a line, so a request that Gmail refuses for two reasons needs two lines.
pub(super) fn lines(collected: &[Observation], origin: &Origin<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut left: Vec<&Observation> = collected.iter().collect();
    while !left.is_empty() {
        let mut dimensions = BTreeMap::new();
        let (now, later): (Vec<_>, Vec<_>) = left.into_iter().partition(|observation| {
            observation
                .dimension(origin.names)
                .is_none_or(|(name, value)| *dimensions.entry(name).or_insert(value) == value)
        });
        lines.extend(line(&now, dimensions, origin));
        left = later;
    }
    lines
}

fn line<'a>(
    observations: &[&Observation],
    dimensions: BTreeMap<&'static str, &'a str>,
    origin: &Origin<'a>,
) -> Option<String> {
    let mut directives: Vec<Directive<'_>> = Vec::new();
    let mut values: BTreeMap<&'static str, Values> = BTreeMap::new();
    for observation in observations {
        let (name, unit, dimensions) = observation.metric.facts();
        let values = &mut values.entry(name).or_default().0;
        values.push(observation.value);
        if values.len() > 1 {
            continue;
        }
        let definition = Definition { name, unit };
        match directives.iter_mut().find(|directive| directive.dimensions == dimensions) {
            Some(directive) => directive.metrics.push(definition),
            None => directives.push(Directive {
                namespace: &origin.names.namespace,
                dimensions,
                metrics: vec![definition],
            }),
        }
    }
    let document = Document {
        metadata: Metadata { timestamp: origin.at.millis(), cloud_watch_metrics: directives },
        level: LEVEL,
        timestamp: DateTime::from_millis(origin.at.millis()).fmt(Format::DateTime).ok()?,
        route: origin.route,
        request_id: origin.request_id,
        dimensions,
        values,
    };
    serde_json::to_string(&document).ok().map(|json| json + "\n")
}
