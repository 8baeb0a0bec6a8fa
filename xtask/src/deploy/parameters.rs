//! The parameters of the stack: what template.yaml declares, what the caller gives and what the stack has already. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::declared::{Declaration, declarations};

/// Every parameter with the value that it is going to have.
#[derive(Debug)]
pub(crate) struct Parameters {
    declared: BTreeMap<String, Declaration>,
    given: BTreeMap<String, String>,
    before: BTreeMap<String, String>,
}

impl Parameters {
    /// Reads the caller's `Name=Value`. What the template would not take is refused here, before anything is built.
    pub(crate) fn parse(words: &[String], template: &Value) -> Result<Self, String> {
        let declared = declarations(template);
        let mut given = BTreeMap::new();
        for word in words {
            let (name, value) =
                word.split_once('=').ok_or_else(|| format!("--parameter {word:?} is not Name=Value"))?;
            let declaration = declared.get(name).ok_or_else(|| {
                let names: Vec<&str> = declared.keys().map(String::as_str).collect();
                format!("template.yaml has no parameter {name:?}; it has {}", names.join(", "))
            })?;
            declaration.check(name, value)?;
            // sam reads its own quoting out of a value, and has no way to write these.
            if value.contains(['"', '\\']) || value.contains(char::is_control) {
                return Err(format!("the value of {name} has a character that sam deploy cannot be given"));
            }
            if given.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(format!("the parameter {name} is given twice"));
            }
        }
        Ok(Self { declared, given, before: BTreeMap::new() })
    }

    /// What is not given keeps the value that the stack has.
    pub(crate) fn on_top_of(mut self, before: BTreeMap<String, String>) -> Self {
        self.before = before;
        self
    }

    /// Refuses when a parameter would have no value at all, or one that this version of the template no longer takes.
    pub(crate) fn require_all(&self) -> Result<(), String> {
        for (name, declaration) in &self.declared {
            if let Some(value) = self.value(name) {
                declaration.check(name, value).map_err(|problem| {
                    format!(
                        "the stack has a value that has to change: {problem}; give --parameter {name}=VALUE"
                    )
                })?;
            }
        }
        let missing: Vec<&str> =
            self.declared.keys().map(String::as_str).filter(|name| self.value(name).is_none()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let example = if missing.contains(&"AllowedOrigins") {
            "; for instance --parameter AllowedOrigins=https://app.example.com, the addresses of your front ends"
        } else {
            ""
        };
        Err(format!(
            "no value for {}: give --parameter Name=Value for each{example}. A stack that is there keeps its values",
            missing.join(" and ")
        ))
    }

    /// The value that the parameter is going to have; none when the template has no such parameter either.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let declaration = self.declared.get(name)?;
        self.given
            .get(name)
            .or_else(|| self.before.get(name))
            .or(declaration.default.as_ref())
            .map(String::as_str)
    }

    /// Likewise, but an empty value is none.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.value(name).filter(|value| !value.is_empty())
    }

    /// The value that the stack has for it now, unless that is empty.
    pub(crate) fn text_before(&self, name: &str) -> Option<&str> {
        self.before.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether the stack has another value for it now.
    pub(crate) fn changes(&self, name: &str) -> bool {
        self.text_before(name).is_some_and(|before| self.value(name) != Some(before))
    }

    /// What is said of the parameters before anything is done: each that the caller gives.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |(name, value): (&String, &String)| match self.before.get(name) {
            Some(before) if before == value => format!("{name}={value} (as it is)"),
            Some(before) => format!("{name}={value} (now {before:?})"),
            None => format!("{name}={value}"),
        };
        self.given.iter().map(line).collect()
    }

    /// What `sam deploy` is told: what the caller gives, and the processor that `sam build` has built for. The rest it
    /// sends as `UsePreviousValue`. Never empty, for then the overrides of a samconfig.toml would count.
    pub(crate) fn overrides(&self) -> Vec<String> {
        let mut overrides = self.given.clone();
        if let Some(architecture) = self.value("Architecture") {
            overrides.insert("Architecture".to_owned(), architecture.to_owned());
        }
        overrides.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template() -> Value {
        json!({ "Parameters": {
            "AllowedOrigins": { "Type": "CommaDelimitedList", "AllowedPattern": "^https://[a-z.]+$",
                                "ConstraintDescription": "https://host, without a path" },
            "Architecture": { "Type": "String", "Default": "arm64", "AllowedValues": ["arm64", "x86_64"] },
            "GmailScopes": { "Type": "String", "Default": "https://read" },
            "PublicUrl": { "Type": "String", "Default": "" },
            "Days": { "Type": "Number", "Default": 30 },
        }})
    }

    fn parsed(words: &[&str]) -> Result<Parameters, String> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        Parameters::parse(&words, &template())
    }

    fn stack() -> BTreeMap<String, String> {
        [
            ("AllowedOrigins", "https://app.example"),
            ("Architecture", "x86_64"),
            ("GmailScopes", "https://read"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    #[test]
    fn what_the_template_would_not_take_is_refused_with_its_own_words() {
        for (word, part) in [
            (
                "AllowedOrigin=https://a.b",
                "has no parameter \"AllowedOrigin\"; it has AllowedOrigins, Architecture",
            ),
            ("AllowedOrigins", "not Name=Value"),
            ("AllowedOrigins=https://a.example/", "https://host, without a path"),
            ("AllowedOrigins=https://a.example,http://b.example", "https://host, without a path"),
            ("AllowedOrigins=", "https://host, without a path"),
            ("Architecture=riscv", "one of arm64, x86_64"),
            ("GmailScopes=a\"b", "cannot be given"),
            ("GmailScopes=a\nb", "cannot be given"),
        ] {
            let problem = parsed(&[word]).unwrap_err();
            assert!(problem.contains(part), "{word}: {problem}");
        }
        assert!(parsed(&["PublicUrl=a", "PublicUrl=b"]).unwrap_err().contains("twice"));
    }

    #[test]
    fn a_first_deployment_needs_the_origins_and_is_told_how_to_give_them() {
        let problem = parsed(&[]).unwrap().require_all().unwrap_err();
        assert!(problem.contains("--parameter AllowedOrigins=https://app.example.com"), "{problem}");
        assert_eq!(
            parsed(&["AllowedOrigins=https://a.example,https://b.example"]).unwrap().require_all(),
            Ok(())
        );
        assert_eq!(parsed(&[]).unwrap().on_top_of(stack()).require_all(), Ok(()));
    }

    #[test]
    fn a_value_of_the_stack_that_the_template_no_longer_takes_has_to_be_given_anew() {
        let mut before = stack();
        before.insert("AllowedOrigins".to_owned(), "https://app.example/".to_owned());
        let problem = parsed(&[]).unwrap().on_top_of(before.clone()).require_all().unwrap_err();
        assert!(problem.ends_with("give --parameter AllowedOrigins=VALUE"), "{problem}");
        let given = parsed(&["AllowedOrigins=https://app.example"]).unwrap();
        assert_eq!(given.on_top_of(before).require_all(), Ok(()));
    }

    #[test]
    fn a_value_is_the_given_one_else_the_stacks_else_the_templates() {
        let parameters = parsed(&["GmailScopes=https://send"]).unwrap().on_top_of(stack());
        assert_eq!(parameters.value("GmailScopes"), Some("https://send"));
        assert_eq!(parameters.value("Architecture"), Some("x86_64"));
        assert_eq!(parameters.value("Days"), Some("30"));
        assert_eq!((parameters.value("PublicUrl"), parameters.text("PublicUrl")), (Some(""), None));
        assert_eq!(parameters.value("Unheard"), None);
        assert_eq!(parameters.lines(), ["GmailScopes=https://send (now \"https://read\")"]);
        assert!(parameters.changes("GmailScopes") && !parameters.changes("AllowedOrigins"));
    }

    #[test]
    fn sam_is_told_what_is_given_and_always_the_processor_that_was_built_for() {
        let update = parsed(&["GmailScopes=https://a https://b", "PublicUrl="]).unwrap().on_top_of(stack());
        assert_eq!(
            update.overrides(),
            [r#"Architecture="x86_64""#, r#"GmailScopes="https://a https://b""#, r#"PublicUrl="""#]
        );
        assert_eq!(parsed(&[]).unwrap().overrides(), [r#"Architecture="arm64""#]);
    }
}
