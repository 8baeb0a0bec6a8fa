//! Builds one conditional UpdateItem.

use std::fmt::Write as _;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

/// A change of one item. All names are aliased because some are reserved words of DynamoDB.
#[derive(Default)]
pub(super) struct Change {
    sets: Vec<(&'static str, AttributeValue)>,
    removes: Vec<&'static str>,
    equals: Vec<(&'static str, AttributeValue)>,
    /// Attributes and the condition functions that they must meet.
    existence: Vec<(&'static str, &'static str)>,
}

impl Change {
    /// Sets an attribute.
    pub(super) fn set(mut self, name: &'static str, value: AttributeValue) -> Self {
        self.sets.push((name, value));
        self
    }

    /// Removes attributes.
    pub(super) fn remove(mut self, names: &[&'static str]) -> Self {
        self.removes.extend_from_slice(names);
        self
    }

    /// Requires that an attribute has this value.
    pub(super) fn when(mut self, name: &'static str, value: AttributeValue) -> Self {
        self.equals.push((name, value));
        self
    }

    /// Requires that an attribute does not exist; for the key, that the item does not.
    pub(super) fn when_absent(mut self, name: &'static str) -> Self {
        self.existence.push((name, "attribute_not_exists"));
        self
    }

    /// Requires that an attribute exists; for the key, that the item does.
    pub(super) fn when_present(mut self, name: &'static str) -> Self {
        self.existence.push((name, "attribute_exists"));
        self
    }

    /// Adds this change to a request.
    pub(super) fn onto(self, mut request: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
        let mut number = 0;
        let mut alias = || {
            number += 1;
            (format!("#n{number}"), format!(":v{number}"))
        };
        let (mut sets, mut removes, mut conditions) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in self.sets {
            let (name_alias, value_alias) = alias();
            sets.push(format!("{name_alias} = {value_alias}"));
            request = request
                .expression_attribute_names(name_alias, name)
                .expression_attribute_values(value_alias, value);
        }
        for name in self.removes {
            let (name_alias, _) = alias();
            request = request.expression_attribute_names(&name_alias, name);
            removes.push(name_alias);
        }
        for (name, value) in self.equals {
            let (name_alias, value_alias) = alias();
            conditions.push(format!("{name_alias} = {value_alias}"));
            request = request
                .expression_attribute_names(name_alias, name)
                .expression_attribute_values(value_alias, value);
        }
        for (name, function) in self.existence {
            let (name_alias, _) = alias();
            conditions.push(format!("{function}({name_alias})"));
            request = request.expression_attribute_names(name_alias, name);
        }
        let mut update = String::new();
        for (word, clauses) in [("SET", sets), ("REMOVE", removes)] {
            if !clauses.is_empty() {
                // Writing to a String cannot fail.
                let _ = write!(update, "{word} {} ", clauses.join(", "));
            }
        }
        request.update_expression(update.trim_end()).condition_expression(conditions.join(" AND "))
    }
}
