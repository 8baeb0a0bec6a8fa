//! What a deployment is going to do: found out, checked and shown before anything is done. Never
//! shows a secret.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use postern::clock::Clock;
use postern_rules::time::Timestamp;
use serde_json::Value;

use super::asked_again::{Asked, Change};
use super::secret::{Step, Stored};
use super::{client_file, left_behind};
use crate::account::Account;
use crate::commands::{Architecture, DeployOptions};
use crate::stack::Stack;
use crate::web_client::WebClient;

/// The parameter that names a deployment with versions.
const DEPLOYMENT: &str = "DeploymentId";
/// The parameter with the name of the secret.
const SECRET_PARAMETER: &str = "GoogleClientSecretId";

/// Everything that the caller should know before saying yes.
pub(crate) struct Plan {
    identity: (String, String),
    /// The options that lead SAM, the AWS CLI and xtask to this account.
    pub(crate) place: Vec<String>,
    pub(crate) stack_name: String,
    /// The stack to update; none if it is to be created.
    pub(crate) stack: Option<Stack>,
    /// What the caller gives, and the processor to build for.
    pub(crate) parameters: BTreeMap<String, String>,
    secret: String,
    key: Option<String>,
    pub(crate) step: Step,
    /// A sentence without its full stop, if users may have to consent again.
    pub(crate) client_change: Option<String>,
    /// How many users must consent again.
    asked_again: Option<Asked>,
    warnings: Vec<String>,
}

impl Plan {
    /// Asks AWS and Google, and refuses what must not be deployed.
    pub(crate) async fn make(options: &DeployOptions, account: &Account) -> Result<Self, String> {
        let template = postern_template::read();
        let mut parameters = given(&options.parameters, &template)?;
        let file = options.client_secret.as_deref().map(client_file::read).transpose()?;
        let identity = account.identity().await?;
        let stack = changeable_stack(options, account).await?;
        if stack.is_none() && !parameters.contains_key("AllowedOrigins") {
            return Err("a new stack needs the addresses of your front ends, for instance \
                        --parameter AllowedOrigins=https://app.example.com"
                .to_owned());
        }
        let before = |name: &str| stack.as_ref().and_then(|stack| stack.parameters.get(name)).cloned();
        let value = |name: &str| {
            let default = || template["Parameters"][name]["Default"].as_str().map(str::to_owned);
            parameters.get(name).cloned().or_else(|| before(name)).or_else(default).unwrap_or_default()
        };
        let secret = value(SECRET_PARAMETER);
        let key = Some(value("KmsKeyArn")).filter(|key| !key.is_empty());
        // A package has code for one processor: the stack's, or the template's default.
        let processor = value("Architecture");

        let stored = Stored::look(account, &secret).await?;
        let step = Step::decide(&secret, stored, file, options.old_client)?;
        // This parameter came with the second client. Older functions read only the first, and would
        // ask everybody until they are replaced.
        let knows_two =
            stack.as_ref().is_none_or(|stack| stack.parameters.contains_key("CrossAccountProtection"));
        if !knows_two && step.file().is_some_and(|file| file.outgoing.is_some()) {
            return Err(
                "the functions of this stack know one client only: deploy this version first, without \
                        --client-secret"
                    .to_owned(),
            );
        }
        let mut warnings = Vec::new();
        if let (Some(path), Some(file)) = (&options.client_secret, step.file()) {
            warnings.extend(client_file::warning(path));
            warnings.extend(client_file::ask_google(file).await?);
        }
        let moved = match before(SECRET_PARAMETER).filter(|before| *before != secret) {
            // A secret that cannot be looked at may hold any client.
            Some(other) => Some(Stored::look(account, &other).await.unwrap_or(Stored::Hidden)),
            None => None,
        };
        let in_use = match (&moved, &step) {
            (Some(stored), _) | (None, Step::Keep(stored) | Step::Replace(_, stored)) => Some(stored),
            (None, Step::Create(_)) => None,
        };
        let is_another = moved.is_some() || step.file().is_some();
        let client_change = in_use.filter(|_| is_another).and_then(|in_use| in_use.change_to(step.client()));
        let asked_again = match &stack {
            Some(stack) => {
                let change = Change {
                    scopes: [
                        &before("GmailScopes").unwrap_or_else(|| value("GmailScopes")),
                        &value("GmailScopes"),
                    ],
                    of_client: client_change.is_some(),
                    clients: [in_use.and_then(Stored::client), step.client()],
                };
                change.asked(account, stack).await
            }
            None => None,
        };
        let asks_nobody = asked_again.as_ref().is_some_and(|asked| asked.users == Some(0));
        let client_change = client_change.filter(|_| !asks_nobody);
        if client_change.is_some() && moved.is_none() && step.replaces_without_keeping() {
            warnings.push("with --old-client keep nobody would be asked at once".to_owned());
        }
        parameters.insert("Architecture".to_owned(), processor);
        let last = before(DEPLOYMENT).filter(|last| !last.is_empty());
        match (parameters.get(DEPLOYMENT), &last) {
            (Some(id), Some(last)) if id == last => {
                return Err(format!(
                    "the last deployment was {DEPLOYMENT}={id}, too, so no request would reach this one; give \
                     another, or none"
                ));
            }
            (None, last) if last.is_some() || parameters.contains_key("Rollout") => {
                parameters.insert(DEPLOYMENT.to_owned(), name_of(Clock::System.now()));
            }
            _ => {}
        }
        let mut place = vec!["--region".to_owned(), account.region().to_owned()];
        place.extend(options.account.profile.iter().flat_map(|name| ["--profile".to_owned(), name.clone()]));
        let stack_name = options.stack_name.clone();
        Ok(Self {
            identity,
            place,
            stack_name,
            stack,
            parameters,
            secret,
            key,
            step,
            client_change,
            asked_again,
            warnings,
        })
    }

    /// The processor to build for.
    pub(crate) fn architecture(&self) -> Result<Architecture, String> {
        let name = self.parameters.get("Architecture").map_or("", String::as_str);
        Architecture::named(name).ok_or_else(|| format!("Architecture is {name:?}: arm64 or x86_64"))
    }

    /// Stores the client if it is new; then says how to go back.
    pub(crate) async fn store_client(&self, account: &Account) -> Result<Option<String>, String> {
        self.step.carry_out(account, &self.secret, self.key.as_deref(), &self.place.join(" ")).await
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_stack = if self.stack.is_some() { "update" } else { "create" };
        let of_secret = match &self.step {
            Step::Keep(_) => "keep",
            Step::Create(_) => "create, with the file as its value",
            Step::Replace(next, stored) => match (stored.client(), &next.outgoing) {
                (Some(WebClient { outgoing: Some(_), .. }), None) => {
                    "add a version without the outgoing client"
                }
                (_, Some(_)) => "add a version with the outgoing client",
                (_, None) => "add the file as a new version",
            },
        };
        let outgoing = self.step.client().and_then(|client| client.outgoing.as_deref());
        let client = self.step.client().map(|client| client.google.client_id.as_str());
        writeln!(to, "  account    {} ({})", self.identity.0, self.identity.1)?;
        writeln!(to, "  place      {}", self.place.join(" "))?;
        writeln!(to, "  stack      {}: {of_stack}", self.stack_name)?;
        writeln!(to, "  secret     {}: {of_secret}", self.secret)?;
        let client = client.unwrap_or("unknown: these credentials may not read the secret");
        writeln!(to, "  client     {client}")?;
        if let Some(outgoing) = outgoing {
            writeln!(to, "  outgoing   {}", outgoing.google.client_id)?;
        }
        for (name, value) in &self.parameters {
            writeln!(to, "  parameter  {name}={value}")?;
        }
        for warning in self.client_change.iter().chain(&self.warnings) {
            writeln!(to, "\n  WARNING: {warning}.")?;
        }
        if let Some(Asked { line, .. }) = &self.asked_again {
            writeln!(to, "\n  {line}")?;
        }
        Ok(())
    }
}

/// The name of a deployment that nobody named: its time, such as `20261101T022640Z`.
fn name_of(now: Timestamp) -> String {
    let time = DateTime::from_secs(now.seconds()).fmt(DateTimeFormat::DateTime).unwrap_or_default();
    time.replace(['-', ':'], "")
}

/// Reads the caller's `Name=Value`. SAM ignores a name that the template does not have.
fn given(words: &[String], template: &Value) -> Result<BTreeMap<String, String>, String> {
    let pair = |word: &String| match word.split_once('=') {
        None => Err(format!("--parameter {word:?} is not NAME=VALUE")),
        Some((name, _)) if template["Parameters"][name].is_null() => {
            Err(format!("template.yaml has no parameter {name:?}"))
        }
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
    };
    words.iter().map(pair).collect()
}

/// The stack, none if it is to be created. Refuses one that an update would replace, one that
/// CloudFormation would not update (it says so only after the build and the writing of the secret),
/// and a new one whose users' tokens are elsewhere.
async fn changeable_stack(options: &DeployOptions, account: &Account) -> Result<Option<Stack>, String> {
    let name = &options.stack_name;
    let stack = Stack::find(account, name).await?;
    let Some(stack) = stack.filter(|stack| !(options.start_empty && stack.is_in_review())) else {
        if !options.start_empty {
            left_behind::refuse(account, name).await?;
        }
        return Ok(None);
    };
    let status = stack.status.as_str();
    let advice = match status {
        "REVIEW_IN_PROGRESS" => {
            "a change set waits to be executed. If it imports a kept table and keyring (docs/deploy.md, \
             \"Coming back\"), execute it first: otherwise new, empty ones are created, and every user is \
             lost. If there is nothing to keep, give --start-empty"
                .to_owned()
        }
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" => {
            format!("look at its events, then `aws cloudformation delete-stack --stack-name {name}`")
        }
        "UPDATE_ROLLBACK_FAILED" => {
            format!(
                "look at its events, then `aws cloudformation continue-update-rollback --stack-name {name}`"
            )
        }
        _ if status.ends_with("_IN_PROGRESS") => "wait until CloudFormation has finished".to_owned(),
        _ => {
            let has = |parameter: &str| stack.parameters.contains_key(parameter);
            // A stack that began with infra/import.yaml has one parameter; this completes it.
            let is_imported = status == "IMPORT_COMPLETE" && stack.parameters.keys().eq(["KmsKeyArn"]);
            if is_imported || (has("AllowedOrigins") && has(SECRET_PARAMETER)) {
                return Ok(Some(stack));
            }
            "it is not Postern, and an update would replace it; choose another --stack-name".to_owned()
        }
    };
    Err(format!("the stack {name} ({status}) is not updated: {advice}"))
}
