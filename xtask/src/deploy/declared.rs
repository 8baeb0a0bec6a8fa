//! The parameters as template.yaml declares them, and what CloudFormation would refuse. It would say so only after the build,
//! which takes minutes. Pure.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::Value;

/// One parameter of the template.
#[derive(Debug)]
pub(crate) struct Declaration {
    /// The value that it has when none is given.
    pub(crate) default: Option<String>,
    is_list: bool,
    is_number: bool,
    least: Option<f64>,
    most: Option<f64>,
    allowed_values: Vec<String>,
    allowed_pattern: Option<Regex>,
    constraint: Option<String>,
}

/// All of them, by name.
pub(crate) fn declarations(template: &Value) -> BTreeMap<String, Declaration> {
    let parameters = template["Parameters"].as_object().into_iter().flatten();
    parameters.map(|(name, declaration)| (name.clone(), Declaration::read(declaration))).collect()
}

impl Declaration {
    fn read(declaration: &Value) -> Self {
        let text = |member: &str| declaration[member].as_str().map(str::to_owned);
        let allowed_values = declaration["AllowedValues"].as_array().into_iter().flatten();
        Self {
            default: scalar(&declaration["Default"]),
            is_list: declaration["Type"] == "CommaDelimitedList",
            is_number: declaration["Type"] == "Number",
            least: declaration["MinValue"].as_f64(),
            most: declaration["MaxValue"].as_f64(),
            allowed_values: allowed_values.filter_map(scalar).collect(),
            // The whole value must match. A pattern of a dialect that is not understood here is left to CloudFormation.
            allowed_pattern: text("AllowedPattern")
                .and_then(|pattern| Regex::new(&format!("^(?:{pattern})$")).ok()),
            constraint: text("ConstraintDescription"),
        }
    }

    /// Refuses a value that CloudFormation would refuse.
    pub(crate) fn check(&self, name: &str, value: &str) -> Result<(), String> {
        if !self.allowed_values.is_empty() && !self.allowed_values.iter().any(|allowed| allowed == value) {
            return Err(format!("{name} must be one of {}, not {value:?}", self.allowed_values.join(", ")));
        }
        if self.is_number && !value.parse().is_ok_and(|number| self.is_within(number)) {
            let constraint = self.constraint.as_deref().unwrap_or("a number within MinValue and MaxValue");
            return Err(format!("{value:?} will not do for {name}: {constraint}"));
        }
        let Some(pattern) = &self.allowed_pattern else { return Ok(()) };
        let items: Vec<&str> =
            if self.is_list { value.split(',').map(str::trim).collect() } else { vec![value] };
        match items.into_iter().find(|item| !pattern.is_match(item)) {
            None => Ok(()),
            Some(item) => {
                let constraint = self.constraint.as_deref().unwrap_or(pattern.as_str());
                Err(format!("{item:?} will not do for {name}: {constraint}"))
            }
        }
    }

    fn is_within(&self, number: f64) -> bool {
        self.least.is_none_or(|least| number >= least) && self.most.is_none_or(|most| number <= most)
    }
}

/// YAML reads some values as numbers or booleans; CloudFormation's are all text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_of_the_template_is_a_value_that_the_template_takes() {
        for (name, declaration) in declarations(&postern_template::read()) {
            if let Some(default) = &declaration.default {
                assert_eq!(declaration.check(&name, default), Ok(()));
            }
        }
    }

    #[test]
    fn a_number_must_be_one_and_within_its_bounds() {
        let template = serde_json::json!({ "Parameters": { "Days": { "Type": "Number", "MinValue": -1, "MaxValue": 9 } } });
        let declared = declarations(&template);
        for (value, is_taken) in
            [("-1", true), ("9", true), ("-2", false), ("10", false), ("", false), ("ten", false)]
        {
            assert_eq!(declared["Days"].check("Days", value).is_ok(), is_taken, "{value:?}");
        }
    }

    #[test]
    fn every_pattern_of_the_template_is_understood() {
        let template = postern_template::read();
        for (name, declaration) in declarations(&template) {
            let has_pattern = template["Parameters"][&name]["AllowedPattern"].is_string();
            assert_eq!(declaration.allowed_pattern.is_some(), has_pattern, "{name}");
        }
    }

    #[test]
    fn the_origins_alone_have_no_default() {
        let declared = declarations(&postern_template::read());
        let without: Vec<&str> = declared
            .iter()
            .filter_map(|(name, declaration)| declaration.default.is_none().then_some(name.as_str()))
            .collect();
        assert_eq!(without, ["AllowedOrigins"]);
    }
}
