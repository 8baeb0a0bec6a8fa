//! What a value in a template comes to: CloudFormation's functions, as far as the properties that
//! doctor compares need them.

use serde_json::{Map, Value, json};

use super::{Template, text};

impl Template {
    /// A value with CloudFormation's functions carried out. What is not known stays as it is
    /// written, and is equal to nothing.
    pub(super) fn resolve(&self, value: &Value) -> Value {
        let is_there = |value: &Value| !value.is_null();
        match value {
            Value::Array(items) => items.iter().map(|item| self.resolve(item)).filter(is_there).collect(),
            Value::Object(members) => self.call(members).unwrap_or_else(|| {
                let members = members.iter().map(|(name, value)| (name.clone(), self.resolve(value)));
                members.filter(|(_, value)| is_there(value)).collect()
            }),
            other => other.clone(),
        }
    }

    /// Carries out one of CloudFormation's functions; null is `AWS::NoValue`.
    fn call(&self, members: &Map<String, Value>) -> Option<Value> {
        let (name, argument) = members.iter().next().filter(|_| members.len() == 1)?;
        let list = || self.resolve(argument).as_array().cloned();
        Some(match name.as_str() {
            "Ref" => self.reference(argument.as_str()?)?,
            "Fn::GetAtt" => match argument {
                Value::Array(path) => self.attribute(path.first()?.as_str()?, path.get(1)?.as_str()?)?.into(),
                path => {
                    path.as_str()?.split_once('.').and_then(|(id, name)| self.attribute(id, name))?.into()
                }
            },
            "Fn::Sub" => self.substitute(argument.as_str()?)?.into(),
            "Fn::If" => {
                let holds = self.holds(&json!({ "Condition": argument.get(0)? }));
                self.resolve(argument.get(if holds { 1 } else { 2 })?)
            }
            "Fn::Join" => {
                let (between, parts) = (argument.get(0)?.as_str()?, self.resolve(argument.get(1)?));
                parts.as_array()?.iter().map(text).collect::<Vec<_>>().join(between).into()
            }
            "Fn::Split" => {
                let list = list()?;
                list.get(1)?.as_str()?.split(list.first()?.as_str()?).map(Value::from).collect()
            }
            "Fn::Select" => {
                let list = list()?;
                list.get(1)?.get(text(list.first()?).parse::<usize>().ok()?)?.clone()
            }
            _ => return None,
        })
    }

    fn holds(&self, condition: &Value) -> bool {
        let Some((name, argument)) = condition.as_object().and_then(|members| members.iter().next()) else {
            return false;
        };
        let each = || argument.as_array().into_iter().flatten();
        match name.as_str() {
            "Condition" => self.holds(&self.body["Conditions"][argument.as_str().unwrap_or_default()]),
            "Fn::Equals" => text(&self.resolve(&argument[0])) == text(&self.resolve(&argument[1])),
            "Fn::Not" => !self.holds(&argument[0]),
            "Fn::And" => each().all(|condition| self.holds(condition)),
            "Fn::Or" => each().any(|condition| self.holds(condition)),
            _ => false,
        }
    }

    fn reference(&self, name: &str) -> Option<Value> {
        // arn:aws:cloudformation:us-east-1:123456789012:stack/name/id
        let part = |index: usize| self.stack_id.split(':').nth(index);
        let of_stack = match name {
            "AWS::NoValue" => return Some(Value::Null),
            "AWS::Partition" => part(1),
            "AWS::Region" => part(3),
            "AWS::AccountId" => part(4),
            "AWS::StackName" => self.stack_id.split('/').nth(1),
            _ => None,
        };
        if let Some(value) = of_stack.or_else(|| self.made.get(name).map(String::as_str)) {
            return Some(value.into());
        }
        let value = self.parameters.get(name)?;
        let is_list = self.body["Parameters"][name]["Type"] == "CommaDelimitedList";
        Some(if is_list { value.split(',').map(Value::from).collect() } else { value.as_str().into() })
    }

    /// The attributes that statements, targets and permissions name. One that the stack has as an
    /// output is known from there.
    fn attribute(&self, logical_id: &str, name: &str) -> Option<String> {
        let path = [json!([logical_id, name]), json!(format!("{logical_id}.{name}"))];
        let outputs = self.body["Outputs"].as_object().into_iter().flatten();
        let is_output = |(_, output): &(&String, &Value)| path.contains(&output["Value"]["Fn::GetAtt"]);
        if let Some(value) = outputs.filter(is_output).find_map(|(name, _)| self.outputs.get(name).ok()) {
            return Some(value.to_owned());
        }
        let made = self.made.get(logical_id)?;
        let own = |service: &str, resource: String| {
            let prefix = format!("arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:");
            Some(self.substitute(&prefix)? + &resource)
        };
        match (self.body["Resources"][logical_id]["Type"].as_str()?, name) {
            (_, "Arn") if made.starts_with("arn:") => Some(made.clone()),
            ("AWS::Lambda::Version", "Version") => Some(made.rsplit(':').next()?.to_owned()),
            ("AWS::Lambda::Function", "Arn") => own("lambda", format!("function:{made}")),
            ("AWS::DynamoDB::Table", "Arn") => own("dynamodb", format!("table/{made}")),
            ("AWS::Logs::LogGroup", "Arn") => own("logs", format!("log-group:{made}:*")),
            ("AWS::S3::Bucket", "Arn") => Some(self.substitute("arn:${AWS::Partition}:s3:::")? + made),
            ("AWS::SQS::Queue", "Arn") => own("sqs", made.rsplit('/').next()?.to_owned()),
            ("AWS::Events::Rule", "Arn") => own("events", format!("rule/{made}")),
            _ => None,
        }
    }

    /// Fills in `${Name}` and `${Name.Attribute}`.
    fn substitute(&self, pattern: &str) -> Option<String> {
        let mut parts = pattern.split("${");
        let mut filled = parts.next()?.to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}')?;
            let value = match name.split_once('.') {
                Some((logical_id, attribute)) => self.attribute(logical_id, attribute)?,
                None => text(&self.reference(name)?),
            };
            filled = filled + &value + rest;
        }
        Some(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Outputs;

    #[test]
    fn a_property_is_what_cloudformation_makes_of_it() {
        let body = postern_template::parse(
            "Parameters:\n  Roles: { Type: String }\n  Pages: { Type: CommaDelimitedList }\nConditions:\n  \
             Has: !And [!Not [!Equals [!Ref Roles, '']], !Condition Yes]\n  Yes: !Or [!Equals [a, b], !Equals [1, '1']]\n\
             Resources:\n  Table: { Type: AWS::DynamoDB::Table }\n  Gone: { Type: Some }\n  OwnRole:\n    Type: Some\n    \
             Properties:\n      Second: !Select [1, !Split [',', !Sub '${Roles},${Roles}']]\n      Pages: !Ref Pages\n      \
             Text: !Join ['+', !Ref Pages]\n      On: [!Sub '${Table.Arn}/index/${AWS::StackName}', !GetAtt Table.Arn]\n      \
             If: !If [Has, [!If [No, 1, !Ref AWS::NoValue], 2], 3]\n      None: !Ref AWS::NoValue\n      Not: !GetAtt Gone.Arn\n      \
             Key: {'Fn::GetAtt': [Key, Id]}\nOutputs:\n  KeyId: { Value: {'Fn::GetAtt': [Key, Id]} }\n",
        );
        let pairs =
            |pairs: [(&str, &str); 2]| pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let template = Template {
            stack_id: "arn:aws:cloudformation:us-east-1:123456789012:stack/mail/id".to_owned(),
            body,
            outputs: Outputs::from([("KeyId", "arn:key")]),
            parameters: pairs([("Roles", "a,b"), ("Pages", "x,y")]),
            made: pairs([("Table", "mail-Table-1"), ("OwnRole", "mail-OwnRole-1")]),
        };
        // What the stack did not make is not there.
        let [role] = &*template.resources("Some") else { panic!("there is one") };
        assert_eq!((role.name("Role"), &*role.physical_id), ("own".to_owned(), "mail-OwnRole-1"));
        let arn = "arn:aws:dynamodb:us-east-1:123456789012:table/mail-Table-1";
        let expected = json!({
            "Second": "b",
            "Pages": ["x", "y"],
            "Text": "x+y",
            "On": [format!("{arn}/index/mail"), arn],
            "If": [2],
            "Key": "arn:key",
            "Not": { "Fn::GetAtt": "Gone.Arn" },
        });
        assert_eq!(role.properties, expected);
    }
}
