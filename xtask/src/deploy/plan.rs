//! What is going to be done, in words, before anything is done. Pure; never holds a secret.

use std::fmt;

use super::client_change::ClientChange;
use super::decision::{Reason, Step};
use super::parameters::Parameters;
use crate::account::Identity;

const NO_TOKEN_SERVES: &str = "(401 client_changed): no token of one client serves another.";

/// Everything that the caller should know before saying yes.
pub(crate) struct Plan<'a> {
    /// Whose account it is.
    pub(crate) identity: &'a Identity,
    /// The region.
    pub(crate) region: &'a str,
    /// The name of the stack.
    pub(crate) stack_name: &'a str,
    /// CloudFormation's word for the stack's state; none when there is no such stack.
    pub(crate) status: Option<&'a str>,
    /// The name of the secret.
    pub(crate) secret_name: &'a str,
    /// The ID of the client that the functions are going to use; unknown when it may not be read.
    pub(crate) client_id: Option<&'a str>,
    /// Whether the client becomes another one.
    pub(crate) client_change: &'a ClientChange,
    /// What becomes of the secret.
    pub(crate) step: &'a Step,
    /// The stack's parameters.
    pub(crate) parameters: &'a Parameters,
    /// What is unsafe about the file.
    pub(crate) warnings: &'a [String],
}

impl fmt::Display for Plan<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "  account      {} ({})", self.identity.account, self.identity.arn)?;
        writeln!(to, "  region       {}", self.region)?;
        let state = self.status.map_or_else(|| "new".to_owned(), |status| format!("update ({status} now)"));
        writeln!(to, "  stack        {}: {state}", self.stack_name)?;
        writeln!(to, "  secret       {}: {}", self.secret_name, words_of(self.step))?;
        writeln!(
            to,
            "  client       {}",
            self.client_id.unwrap_or("unknown (these credentials may not read the secret)")
        )?;
        writeln!(to, "  built for    {}", self.parameters.value("Architecture").unwrap_or("arm64"))?;
        for line in self.parameters.lines() {
            writeln!(to, "  parameter    {line}")?;
        }
        let rest = if self.status.is_some() { "as in the stack now" } else { "the template's defaults" };
        writeln!(to, "  the rest     {rest}")?;
        match self.client_change {
            ClientChange::None => {}
            ClientChange::From(before) => writeln!(
                to,
                "\n  ANOTHER CLIENT: {before} is used now.\n  EVERY USER MUST CONSENT AGAIN {NO_TOKEN_SERVES}"
            )?,
            ClientChange::Unknown => writeln!(
                to,
                "\n  PERHAPS ANOTHER CLIENT: the one that is used now, or the one that will be, cannot be read.\n  IF IT \
                 CHANGES, EVERY USER MUST CONSENT AGAIN {NO_TOKEN_SERVES}"
            )?,
        }
        if self.status.is_some() && self.parameters.changes("GmailScopes") {
            writeln!(
                to,
                "\n  OTHER SCOPES: every user is asked for consent once more (401 scopes_changed)."
            )?;
        }
        for warning in self.warnings {
            writeln!(to, "\n  warning: {warning}")?;
        }
        Ok(())
    }
}

fn words_of(step: &Step) -> &'static str {
    match step {
        Step::Keep => "stays as it is",
        Step::Create => "is made, with the file as its value",
        Step::Replace(Reason::NewSecret) => {
            "gets the file as its new version (the same client with another secret or endpoint)"
        }
        Step::Replace(Reason::LongerList) => {
            "gets the file as its new version (the same client with more redirect URIs)"
        }
        Step::Replace(Reason::NewClient) => "gets the file as its new version (ANOTHER CLIENT)",
        Step::Replace(Reason::Unusable) => {
            "gets the file as its new version (what is stored is not a web client)"
        }
        Step::Replace(Reason::Hidden) => {
            "gets the file as its new version (these credentials may not read what is stored, so it is not compared)"
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(status: Option<&str>, step: &Step, parameters: &Parameters, warnings: &[String]) -> String {
        let client_change = match step {
            Step::Replace(Reason::NewClient) => {
                ClientChange::From("1-old.apps.googleusercontent.com".to_owned())
            }
            Step::Replace(Reason::Hidden) => ClientChange::Unknown,
            _ => ClientChange::None,
        };
        let identity = Identity {
            account: "123456789012".to_owned(),
            arn: "arn:aws:iam::123456789012:user/ann".to_owned(),
        };
        let plan = Plan {
            identity: &identity,
            region: "eu-central-1",
            stack_name: "mail",
            status,
            secret_name: "postern/google-client",
            client_id: Some("1-new.apps.googleusercontent.com"),
            client_change: &client_change,
            step,
            parameters,
            warnings,
        };
        plan.to_string()
    }

    fn parameters(words: &[&str], before: &[(&str, &str)]) -> Parameters {
        let template = json!({ "Parameters": {
            "AllowedOrigins": {}, "GmailScopes": { "Default": "a" }, "Architecture": { "Default": "arm64" },
        }});
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let before = before.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Parameters::parse(&words, &template).unwrap().on_top_of(before)
    }

    #[test]
    fn a_first_deployment_is_said_to_be_new_and_to_make_the_secret() {
        let parameters = parameters(&["AllowedOrigins=https://app.example.com"], &[]);
        let expected = "  account      123456789012 (arn:aws:iam::123456789012:user/ann)
  region       eu-central-1
  stack        mail: new
  secret       postern/google-client: is made, with the file as its value
  client       1-new.apps.googleusercontent.com
  built for    arm64
  parameter    AllowedOrigins=https://app.example.com
  the rest     the template's defaults

  warning: others may read it
";
        assert_eq!(said(None, &Step::Create, &parameters, &["others may read it".to_owned()]), expected);
    }

    #[test]
    fn an_update_names_what_changes_and_what_that_means_to_users() {
        let before =
            [("AllowedOrigins", "https://app.example.com"), ("GmailScopes", "a"), ("Architecture", "x86_64")];
        let said = said(Some("CREATE_COMPLETE"), &Step::Keep, &parameters(&["GmailScopes=b"], &before), &[]);
        for part in [
            "mail: update (CREATE_COMPLETE now)",
            "postern/google-client: stays as it is",
            "built for    x86_64",
            "GmailScopes=b (now \"a\")",
            "OTHER SCOPES: every user is asked for consent once more",
            "the rest     as in the stack now",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }

    #[test]
    fn another_client_is_said_loudly_with_what_it_means() {
        let step = Step::Replace(Reason::NewClient);
        let said = said(Some("UPDATE_COMPLETE"), &step, &parameters(&[], &[]), &[]);
        assert!(said.contains("ANOTHER CLIENT: 1-old.apps.googleusercontent.com is used now."), "{said}");
        assert!(said.contains("EVERY USER MUST CONSENT AGAIN"), "{said}");
    }

    #[test]
    fn a_client_that_is_not_known_is_said_to_be_perhaps_another() {
        let step = Step::Replace(Reason::Hidden);
        let said = said(Some("UPDATE_COMPLETE"), &step, &parameters(&[], &[]), &[]);
        assert!(said.contains("PERHAPS ANOTHER CLIENT: the one that is used now, or"), "{said}");
        assert!(said.contains("IF IT CHANGES, EVERY USER MUST CONSENT AGAIN"), "{said}");
    }
}
