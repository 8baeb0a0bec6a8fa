//! What Secrets Manager remembers: secrets, their versions, and the stages that point at versions.

use std::collections::BTreeMap;

use postern_rules::time::Timestamp;
use serde_json::{Value, json};

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
const ARN_SUFFIX: usize = 7;

/// Every secret, by name.
#[derive(Debug, Default)]
pub(super) struct Vault(BTreeMap<String, Secret>);

#[derive(Debug)]
struct Secret {
    arn: String,
    created: Timestamp,
    changed: Timestamp,
    marked_for_deletion: Option<Timestamp>,
    /// Oldest first: the last one is current, the one before it is the previous one.
    versions: Vec<Version>,
}

#[derive(Debug)]
struct Version {
    id: String,
    value: String,
    created: Timestamp,
}

/// A call that Secrets Manager refuses, in AWS's words.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) exception: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(exception: &'static str, message: impl Into<String>) -> Self {
        Self { exception, message: message.into() }
    }

    pub(super) fn parameter(message: &str) -> Self {
        Self::new("InvalidParameterException", message)
    }

    fn missing(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", message)
    }
}

impl Vault {
    pub(super) fn put(&mut self, name: &str, value: &str, now: Timestamp) -> String {
        let secret = self.0.entry(name.to_owned()).or_insert_with(|| Secret {
            arn: format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-{}", random_text(6)),
            created: now,
            changed: now,
            marked_for_deletion: None,
            versions: Vec::new(),
        });
        secret.changed = now;
        secret.marked_for_deletion = None;
        secret.versions.push(Version { id: random_uuid(), value: value.to_owned(), created: now });
        secret.arn.clone()
    }

    pub(super) fn mark_for_deletion(&mut self, name: &str, now: Timestamp) {
        if let Some(secret) = self.0.get_mut(name) {
            secret.marked_for_deletion = Some(now);
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The answer of `GetSecretValue`, which is also one element of `BatchGetSecretValue`'s.
    pub(super) fn value(
        &self,
        id: &str,
        version: Option<&str>,
        stage: Option<&str>,
    ) -> Result<Value, Refusal> {
        let (name, secret) = self.find(id)?;
        if secret.marked_for_deletion.is_some() {
            return Err(Refusal::new(
                "InvalidRequestException",
                "You can't perform this operation on the secret because it was marked for deletion.",
            ));
        }
        let index = secret.index_of(version, stage)?;
        let found = &secret.versions[index];
        Ok(json!({
            "ARN": secret.arn,
            "Name": name,
            "VersionId": found.id,
            "SecretString": found.value,
            "VersionStages": secret.stages_of(index),
            "CreatedDate": epoch_seconds(found.created),
        }))
    }

    /// The answer of `DescribeSecret`.
    pub(super) fn description(&self, id: &str) -> Result<Value, Refusal> {
        let (name, secret) = self.find(id)?;
        let stages: serde_json::Map<String, Value> = secret
            .versions
            .iter()
            .enumerate()
            .filter(|(index, _)| !secret.stages_of(*index).is_empty())
            .map(|(index, version)| (version.id.clone(), json!(secret.stages_of(index))))
            .collect();
        let mut description = json!({
            "ARN": secret.arn,
            "Name": name,
            "CreatedDate": epoch_seconds(secret.created),
            "LastChangedDate": epoch_seconds(secret.changed),
            "VersionIdsToStages": stages,
        });
        if let Some(marked) = secret.marked_for_deletion {
            description["DeletedDate"] = epoch_seconds(marked);
        }
        Ok(description)
    }

    /// By name, by ARN, or by the ARN without its random characters, all of which AWS accepts.
    fn find(&self, id: &str) -> Result<(&str, &Secret), Refusal> {
        let matches =
            |name: &str, arn: &str| name == id || arn == id || arn.get(..arn.len() - ARN_SUFFIX) == Some(id);
        self.0
            .iter()
            .find(|(name, secret)| matches(name, &secret.arn))
            .map(|(name, secret)| (name.as_str(), secret))
            .ok_or_else(|| Refusal::missing("Secrets Manager can't find the specified secret."))
    }
}

impl Secret {
    fn index_of(&self, version: Option<&str>, stage: Option<&str>) -> Result<usize, Refusal> {
        let missing = |what: &str, which: &str| {
            Refusal::missing(format!(
                "Secrets Manager can't find the specified secret value for {what}: {which}"
            ))
        };
        let Some(version) = version else {
            let stage = stage.unwrap_or(CURRENT);
            return (0..self.versions.len())
                .find(|index| self.stages_of(*index).contains(&stage))
                .ok_or_else(|| missing("staging label", stage));
        };
        let index = self
            .versions
            .iter()
            .position(|candidate| candidate.id == version)
            .ok_or_else(|| missing("VersionId", version))?;
        match stage {
            Some(stage) if !self.stages_of(index).contains(&stage) => Err(Refusal::new(
                "InvalidRequestException",
                "You provided a VersionStage that is not associated to the provided VersionId.",
            )),
            _ => Ok(index),
        }
    }

    fn stages_of(&self, index: usize) -> Vec<&'static str> {
        match self.versions.len() - index {
            1 => vec![CURRENT],
            2 => vec![PREVIOUS],
            _ => Vec::new(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "today's milliseconds fit a double's 53 bits")]
fn epoch_seconds(moment: Timestamp) -> Value {
    json!(moment.millis() as f64 / 1000.0)
}

/// Random letters and digits.
pub(crate) fn random_text(length: usize) -> String {
    let letters = std::iter::repeat_with(postern_rules::random::token)
        .flat_map(String::into_bytes)
        .filter(u8::is_ascii_alphanumeric);
    letters.take(length).map(char::from).collect()
}

fn random_uuid() -> String {
    let number = u128::from_be_bytes(postern_rules::random::bytes());
    let digits = format!("{number:032x}");
    format!("{}-{}-4{}-8{}-{}", &digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..])
}
