//! The template's own rules about its parameters. CloudFormation checks them only after the build, which takes minutes. Pure.

use serde_json::Value;

/// Refuses what CloudFormation would refuse, in the template's words. A rule that is made of more than `Fn::And`, `Fn::Or`,
/// `Fn::Not`, `Fn::Equals` and `Ref` is left to CloudFormation.
pub(crate) fn check<'a>(template: &Value, value_of: impl Fn(&str) -> Option<&'a str>) -> Result<(), String> {
    for (name, rule) in template["Rules"].as_object().into_iter().flatten() {
        let condition = &rule["RuleCondition"];
        if !condition.is_null() && truth(condition, &value_of) != Some(true) {
            continue;
        }
        for assertion in rule["Assertions"].as_array().into_iter().flatten() {
            if truth(&assertion["Assert"], &value_of) == Some(false) {
                let words = assertion["AssertDescription"].as_str().unwrap_or("The parameters do not fit.");
                return Err(format!("{words} (the rule {name} of template.yaml)"));
            }
        }
    }
    Ok(())
}

/// Whether a condition holds; none when it is not understood.
fn truth<'a>(condition: &Value, value_of: &impl Fn(&str) -> Option<&'a str>) -> Option<bool> {
    let (function, arguments) = only_member(condition)?;
    let arguments = arguments.as_array()?;
    let mut truths = arguments.iter().map(|argument| truth(argument, value_of));
    match (function, arguments.as_slice()) {
        ("Fn::Equals", [one, other]) => Some(text(one, value_of)? == text(other, value_of)?),
        ("Fn::Not", [condition]) => Some(!truth(condition, value_of)?),
        // One that is false decides, whatever the others are; so does one that is true.
        ("Fn::And", _) => decided_by(false, &mut truths),
        ("Fn::Or", _) => decided_by(true, &mut truths),
        _ => None,
    }
}

fn decided_by(decisive: bool, truths: &mut dyn Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all_are_known = true;
    for truth in truths {
        match truth {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => all_are_known = false,
        }
    }
    all_are_known.then_some(!decisive)
}

fn text<'a>(value: &Value, value_of: &impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    match only_member(value) {
        Some(("Ref", name)) => value_of(name.as_str()?).map(str::to_owned),
        _ => value.as_str().map(str::to_owned),
    }
}

fn only_member(value: &Value) -> Option<(&str, &Value)> {
    let mut members = value.as_object()?.iter();
    let (name, value) = members.next()?;
    members.next().is_none().then_some((name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::declared::declarations;
    use super::*;

    const VALUES: [(&str, &str); 2] = [("Empty", ""), ("Full", "x")];

    fn value_of(name: &str) -> Option<&'static str> {
        VALUES.into_iter().find_map(|(known, value)| (known == name).then_some(value))
    }

    #[test]
    fn a_condition_is_true_or_false_or_not_understood() {
        let (yes, no) = (json!({ "Fn::Equals": ["a", "a"] }), json!({ "Fn::Equals": ["a", "b"] }));
        let unknown = json!({ "Fn::Contains": [["a"], "a"] });
        for (condition, is_true) in [
            (yes.clone(), Some(true)),
            (no.clone(), Some(false)),
            (json!({ "Fn::Equals": [{ "Ref": "Full" }, "x"] }), Some(true)),
            (json!({ "Fn::Equals": ["", { "Ref": "Empty" }] }), Some(true)),
            (json!({ "Fn::Equals": [{ "Ref": "Full" }, { "Ref": "Empty" }] }), Some(false)),
            (json!({ "Fn::Equals": [{ "Ref": "AWS::Region" }, "x"] }), None),
            (json!({ "Fn::Equals": ["x"] }), None),
            (json!({ "Fn::Equals": [true, "true"] }), None),
            (json!({ "Fn::Not": [yes] }), Some(false)),
            (json!({ "Fn::Not": [no] }), Some(true)),
            (json!({ "Fn::Not": [yes, yes] }), None),
            (json!({ "Fn::Not": [unknown] }), None),
            (json!({ "Fn::And": [yes, yes, yes] }), Some(true)),
            (json!({ "Fn::And": [yes, no] }), Some(false)),
            (json!({ "Fn::And": [unknown, no] }), Some(false)),
            (json!({ "Fn::And": [unknown, yes] }), None),
            (json!({ "Fn::Or": [no, yes] }), Some(true)),
            (json!({ "Fn::Or": [no, no] }), Some(false)),
            (json!({ "Fn::Or": [unknown, yes] }), Some(true)),
            (json!({ "Fn::Or": [unknown, no] }), None),
            (json!({ "Fn::Or": yes }), None),
            (json!({ "Condition": "HasDomain" }), None),
            (unknown, None),
            (json!("true"), None),
        ] {
            assert_eq!(truth(&condition, &value_of), is_true, "{condition}");
        }
    }

    #[test]
    fn a_rule_that_does_not_apply_or_is_not_understood_refuses_nothing() {
        let (yes, no) = (json!({ "Fn::Equals": ["a", "a"] }), json!({ "Fn::Equals": ["a", "b"] }));
        let unknown = json!({ "Fn::Contains": [["a"], "a"] });
        let broken = "A and B go together. (the rule Name of template.yaml)";
        for (condition, assertion, problem) in [
            (None, &no, Some(broken)),
            (Some(&yes), &no, Some(broken)),
            (None, &yes, None),
            (Some(&no), &no, None),
            (Some(&unknown), &no, None),
            (Some(&yes), &unknown, None),
        ] {
            let mut rule = json!({ "Assertions": [
                { "Assert": yes }, { "Assert": assertion, "AssertDescription": "A and B go together." },
            ]});
            if let Some(condition) = condition {
                rule["RuleCondition"] = condition.clone();
            }
            let checked = check(&json!({ "Rules": { "Name": rule } }), value_of);
            assert_eq!(checked.err().as_deref(), problem, "{rule}");
        }
        assert_eq!(check(&json!({}), value_of), Ok(()));
    }

    #[test]
    fn the_templates_rules_are_understood_and_kept_by_its_defaults() {
        let template = postern_template::read();
        let declared = declarations(&template);
        let default = |name: &str| declared.get(name)?.default.as_deref();
        let mut count = 0;
        for (name, rule) in template["Rules"].as_object().unwrap() {
            assert!(truth(&rule["RuleCondition"], &default).is_some(), "{name}");
            for assertion in rule["Assertions"].as_array().unwrap() {
                assert!(truth(&assertion["Assert"], &default).is_some(), "{name}");
                assert!(assertion["AssertDescription"].is_string(), "{name}");
                count += 1;
            }
        }
        assert!(count >= 3);
        assert_eq!(check(&template, default), Ok(()));
    }

    #[test]
    fn a_domain_without_its_certificate_is_refused_in_the_templates_words() {
        let template = postern_template::read();
        let value = |name: &str| Some(if name == "DomainName" { "mail.example.com" } else { "" });
        let problem = check(&template, value).unwrap_err();
        assert!(problem.starts_with("DomainName needs CertificateArn"), "{problem}");
        assert!(problem.ends_with("(the rule ADomainNeedsItsCertificate of template.yaml)"), "{problem}");
    }
}
