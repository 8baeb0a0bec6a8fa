//! Reads the templates, so that the tables of the tests are the tables that are deployed.

mod cors;
pub mod policies;
pub mod roles;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use serde_norway::Value as Yaml;

pub use self::cors::{Cors, cors};

/// The table of credentials, as the template calls it.
pub const CREDENTIALS_TABLE: &str = "CredentialsTable";
/// The table of sessions and spent states, as the template calls it.
pub const SESSIONS_TABLE: &str = "SessionsTable";
/// The secret with Google's `client_secrets.json`, unless the parameter `GoogleClientSecretId` says
/// otherwise.
pub const GOOGLE_CLIENT_SECRET: &str = "postern/google-client";
/// The secret with the keyring of a local stack.
pub const SEALING_KEYS_SECRET: &str = "postern/sealing-keys";

/// A DynamoDB table as the template defines it.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDefinition {
    /// The name of the resource in the template.
    pub logical_id: String,
    /// The table's name: `TableName` if the template says one, else the logical ID.
    pub name: String,
    /// `KeySchema`, in CloudFormation's words, which are those of `CreateTable`.
    pub key_schema: Value,
    /// `AttributeDefinitions`, likewise. With every option of the template on.
    pub attribute_definitions: Value,
    /// `GlobalSecondaryIndexes`, likewise; `Null` if there are none.
    pub indexes: Value,
    /// The attribute that says when an item may be deleted.
    pub time_to_live_attribute: Option<String>,
}

impl TableDefinition {
    /// The request that creates this table under `name`, with on-demand capacity.
    pub fn create(&self, name: &str) -> Value {
        let mut request = json!({
            "TableName": name,
            "KeySchema": self.key_schema,
            "AttributeDefinitions": self.attribute_definitions,
            "BillingMode": "PAY_PER_REQUEST",
        });
        if self.indexes.is_array() {
            request["GlobalSecondaryIndexes"] = self.indexes.clone();
        }
        request
    }
}

/// The whole of template.yaml as JSON. A short tag becomes its long form: `!Ref Name` is `{"Ref":
/// "Name"}`, `!Sub text` is `{"Fn::Sub": "text"}`.
///
/// # Panics
/// When the file is not there or is not YAML.
pub fn read() -> Value {
    read_file("template.yaml")
}

/// The template of the alarms and the dashboard, likewise.
///
/// # Panics
/// When the file is not there or is not YAML.
pub fn monitoring() -> Value {
    read_file("infra/monitoring.yaml")
}

/// The template of the objectives, likewise.
///
/// # Panics
/// When the file is not there or is not YAML.
pub fn objectives() -> Value {
    read_file("infra/objectives.yaml")
}

/// The template of gradual deployments, likewise.
///
/// # Panics
/// When the file is not there or is not YAML.
pub fn rollout() -> Value {
    read_file("infra/rollout.yaml")
}

/// The template of the backups, likewise.
///
/// # Panics
/// When the file is not there or is not YAML.
pub fn backup() -> Value {
    read_file("infra/backup.yaml")
}

/// The template of the operators' policies, likewise.
///
/// # Panics
/// When the file is not there or is not YAML.
pub fn policies() -> Value {
    read_file("infra/policies.yaml")
}

/// The template that a stack begins with which takes over what a deleted one left, likewise.
///
/// # Panics
/// When the file is not there or is not YAML.
pub fn import() -> Value {
    read_file("infra/import.yaml")
}

/// The template of CloudFront and WAF in front of the domain, likewise.
///
/// # Panics
/// When the file is not there or is not YAML.
pub fn edge() -> Value {
    read_file("infra/edge.yaml")
}

fn read_file(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    let text = std::fs::read_to_string(&path).expect("the template is there");
    parse(&text)
}

/// The DynamoDB tables of template.yaml. Read once, because every test creates them.
///
/// # Panics
/// When the template cannot be read, or a table in it has no key.
pub fn tables() -> Vec<TableDefinition> {
    static TABLES: LazyLock<Vec<TableDefinition>> = LazyLock::new(|| tables_of(&read()));
    TABLES.clone()
}

/// The paths of the routes in a template, such as `/messages`.
pub fn paths(template: &Value) -> BTreeSet<String> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    let routes = resources.filter(|(_, resource)| resource["Type"] == "AWS::ApiGatewayV2::Route");
    let keys = routes.filter_map(|(_, route)| route["Properties"]["RouteKey"].as_str());
    keys.filter_map(|key| Some(key.split_once(' ')?.1.to_owned())).collect()
}

/// A template in YAML or JSON, in the form of [`read`].
///
/// # Panics
/// When the text is neither.
pub fn parse(text: &str) -> Value {
    json_of(serde_norway::from_str(text).expect("the template is YAML"))
}

fn tables_of(template: &Value) -> Vec<TableDefinition> {
    let resources = template["Resources"].as_object().expect("the template has resources");
    resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::DynamoDB::Table")
        .map(|(logical_id, resource)| {
            let properties = &resource["Properties"];
            assert!(properties["KeySchema"].is_array(), "{logical_id} has no key schema");
            TableDefinition {
                logical_id: logical_id.clone(),
                name: properties["TableName"].as_str().unwrap_or(logical_id).to_owned(),
                key_schema: properties["KeySchema"].clone(),
                attribute_definitions: with_options_on(&properties["AttributeDefinitions"]),
                indexes: with_options_on(&properties["GlobalSecondaryIndexes"]),
                time_to_live_attribute: properties["TimeToLiveSpecification"]["AttributeName"]
                    .as_str()
                    .map(str::to_owned),
            }
        })
        .collect()
}

/// A value as it is in a stack with every option on.
fn with_options_on(value: &Value) -> Value {
    match value {
        Value::Object(members) => match members.get("Fn::If") {
            Some(choice) => with_options_on(&choice[1]),
            None => members.iter().map(|(name, value)| (name.clone(), with_options_on(value))).collect(),
        },
        Value::Array(items) => items.iter().map(with_options_on).collect(),
        other => other.clone(),
    }
}

fn json_of(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(value),
        Yaml::Number(number) => serde_json::to_value(number).unwrap_or(Value::Null),
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(json_of).collect()),
        Yaml::Mapping(entries) => {
            Value::Object(entries.into_iter().map(|(key, value)| (key_of(&key), json_of(value))).collect())
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let short = tag.trim_start_matches('!');
            let long = match short {
                "Ref" | "Condition" => short.to_owned(),
                _ => format!("Fn::{short}"),
            };
            Value::Object(Map::from_iter([(long, json_of(tagged.value))]))
        }
    }
}

/// CloudFormation's keys are text; YAML reads some of them as something else (a status code, a
/// date).
fn key_of(key: &Yaml) -> String {
    match key {
        Yaml::String(text) => text.clone(),
        Yaml::Number(number) => number.to_string(),
        Yaml::Bool(value) => value.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_are_read_as_their_long_forms() {
        let template =
            parse("a: !Ref Name\nb: !Sub 'x-${Name}'\nc: !GetAtt [Table, Arn]\nd: !If [C, !Ref A, 1]\n");
        assert_eq!(
            template,
            json!({
                "a": { "Ref": "Name" },
                "b": { "Fn::Sub": "x-${Name}" },
                "c": { "Fn::GetAtt": ["Table", "Arn"] },
                "d": { "Fn::If": ["C", { "Ref": "A" }, 1] },
            })
        );
    }

    #[test]
    fn a_table_without_a_name_of_its_own_bears_its_logical_id() {
        let template = parse(
            "Resources:\n  Rows:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      TableName: !Ref Other\n      \
             KeySchema: [{ AttributeName: id, KeyType: HASH }]\n      \
             AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]\n  Topic:\n    Type: AWS::SNS::Topic\n",
        );
        let tables = tables_of(&template);
        assert_eq!(tables.len(), 1);
        assert_eq!(tables[0].name, "Rows");
        assert_eq!(tables[0].time_to_live_attribute, None);
    }

    #[test]
    fn a_table_has_the_index_that_an_option_adds() {
        let template = parse(
            "Resources:\n  Rows:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      \
             KeySchema: [{ AttributeName: id, KeyType: HASH }]\n      \
             AttributeDefinitions: !If [On, [a, b], [a]]\n      \
             GlobalSecondaryIndexes: !If [On, [{ IndexName: by_b }], !Ref AWS::NoValue]\n",
        );
        let table = &tables_of(&template)[0];
        assert_eq!(table.attribute_definitions, json!(["a", "b"]));
        assert_eq!(table.indexes, json!([{ "IndexName": "by_b" }]));
    }

    #[test]
    fn a_path_is_there_once_however_many_methods_it_has() {
        let route = |key: &str| {
            format!(
                "  {}: {{ Type: AWS::ApiGatewayV2::Route, Properties: {{ RouteKey: '{key}' }} }}\n",
                &key[..1]
            )
        };
        let template =
            parse(&format!("Resources:\n{}{}{}", route("GET /a"), route("POST /a"), route("DELETE /b/{id}")));
        assert_eq!(paths(&template).into_iter().collect::<Vec<_>>(), ["/a", "/b/{id}"]);
    }

    #[test]
    fn the_template_has_a_durable_table_of_credentials_and_a_passing_one_of_sessions() {
        let tables = tables();
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["CredentialsTable", "SessionsTable"]);
        assert_eq!(tables[0].key_schema, json!([{ "AttributeName": "user_id", "KeyType": "HASH" }]));
        assert_eq!(tables[0].time_to_live_attribute, None);
        assert_eq!(tables[1].key_schema, json!([{ "AttributeName": "id", "KeyType": "HASH" }]));
        assert_eq!(tables[1].time_to_live_attribute.as_deref(), Some("expires_at"));
    }
}
