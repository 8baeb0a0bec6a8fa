//! `cargo xtask connections`: the command line of the function `connections`, which it invokes.

use std::fmt::Write as _;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use postern_rules::user::is_bidirectional_control;
use serde_json::{Value, json};

use crate::account::{Account, Called};
use crate::commands::{Action, ConnectionsOptions, Output};
use crate::stack::Stack;
use crate::terminal;

/// The output of the stack that names the function.
pub(crate) const FUNCTION: &str = "ConnectionsFunction";

type Failure = SdkError<InvokeError>;

/// How long a destructive action may take: longer than the function may run.
const ONCE: Duration = Duration::from_secs(20);

/// Invokes the function and prints its answer.
pub(crate) async fn run(options: ConnectionsOptions) -> Result<(), String> {
    let payload = payload(&options)?;
    if options.action.is_destructive() {
        terminal::require(options.yes)?;
    }
    let account = Account::open(&options.account).await?;
    let function = function(&account, &options).await?;
    if options.action.is_destructive() && !options.yes {
        let user = payload["user_id"].as_str().unwrap_or_default();
        let place = options.function.as_ref().map_or_else(
            || format!("the stack {}", options.stack_name),
            |function| format!("the stack of {function}"),
        );
        terminal::confirm(&format!("{} {user} in {place}?", options.action.words()))?;
    }
    let answer = match options.action {
        Action::Count => count(&account, &function).await?,
        action if action.is_destructive() => ask_once(&account, &function, &payload, ONCE).await?,
        _ => ask(&account, &function, &payload).await?,
    };
    match options.output {
        Output::Json => println!("{answer:#}"),
        Output::Human => print!("{}", in_words(&answer)),
    }
    Ok(())
}

/// The function to invoke: the one that is named, or the stack's.
async fn function(account: &Account, options: &ConnectionsOptions) -> Result<String, String> {
    if let Some(function) = &options.function {
        return Ok(function.clone());
    }
    let stack = Stack::require(account, &options.stack_name)
        .await
        .map_err(|problem| format!("{problem} (with --function NAME the stack is not asked for)"))?;
    stack.outputs.get(FUNCTION).map(str::to_owned).map_err(|_| {
        format!(
            "the stack {} has no administrators; list their roles in the parameter AdministratorRoleArns",
            options.stack_name
        )
    })
}

/// What the function is asked. Only `list` has a status and pages, and only it and `count` no user.
fn payload(options: &ConnectionsOptions) -> Result<Value, String> {
    let ConnectionsOptions { action, user_id, status, limit, after, .. } = options;
    let has_page = status.is_some() || limit.is_some() || after.is_some();
    match (action, user_id) {
        (Action::List, None) => {
            let status = status.as_deref().unwrap_or("active");
            Ok(json!({ "action": "list", "status": status, "limit": limit, "after": after }))
        }
        (_, _) if has_page => Err("--status, --limit and --after go with list".to_owned()),
        (Action::Count, None) => Ok(json!({ "action": "count" })),
        (Action::List | Action::Count, Some(_)) => Err("list and count take no USER_ID".to_owned()),
        (_, None) => Err("give the USER_ID: Google's ID of the user (sub)".to_owned()),
        (action, Some(user)) => Ok(json!({ "action": action.name(), "user_id": user })),
    }
}

/// The function's answer; its problem document becomes an error.
async fn ask(account: &Account, function: &str, payload: &Value) -> Result<Value, String> {
    let answer = invoke(&Client::new(&account.config), function, payload).await;
    read(function, &answer.or_say(&format!("Lambda does not invoke {function}"))?)
}

/// The same in one attempt: when its answer is lost, a second one would find nothing left to do,
/// and say so.
async fn ask_once(
    account: &Account,
    function: &str,
    payload: &Value,
    time: Duration,
) -> Result<Value, String> {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(time).operation_timeout(time);
    let config = aws_sdk_lambda::config::Builder::from(&account.config)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts.build());
    let answer = invoke(&Client::from_conf(config.build()), function, payload).await;
    let may_be_done = matches!(
        answer,
        Err(SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_))
    );
    let answer = answer.or_say(&format!("Lambda does not invoke {function}")).map_err(|problem| {
        if may_be_done { format!("{problem}; it may have been done; run get") } else { problem }
    })?;
    read(function, &answer)
}

async fn invoke(client: &Client, function: &str, payload: &Value) -> Result<InvokeOutput, Failure> {
    client.invoke().function_name(function).payload(Blob::new(payload.to_string())).send().await
}

fn read(function: &str, answer: &InvokeOutput) -> Result<Value, String> {
    if let Some(error) = answer.function_error() {
        return Err(format!("the function {function} failed ({error}); see its log"));
    }
    let bytes = answer.payload().map(Blob::as_ref).unwrap_or_default();
    let answer: Value =
        serde_json::from_slice(bytes).map_err(|_| format!("the answer of {function} is not JSON"))?;
    match (answer["code"].as_str(), answer["detail"].as_str()) {
        (Some(code), detail) => Err(format!("{code}: {}", detail.unwrap_or_default())),
        (None, _) => Ok(answer),
    }
}

/// All pages of a count, added up.
pub(crate) async fn count(account: &Account, function: &str) -> Result<Value, String> {
    let mut sum = json!({ "counts": [], "asked_again": 0, "of_outgoing_client": null });
    let mut payload = json!({ "action": "count" });
    loop {
        let page = ask(account, function, &payload).await?;
        for name in ["asked_again", "of_outgoing_client"] {
            if let Some(more) = page[name].as_u64() {
                sum[name] = json!(sum[name].as_u64().unwrap_or_default() + more);
            }
        }
        let counts = sum["counts"].as_array_mut().ok_or("a sum has counts")?;
        for one in page["counts"].as_array().into_iter().flatten() {
            let is_same = |known: &&mut Value| {
                ["status", "client_id", "scopes"].into_iter().all(|name| known[name] == one[name])
            };
            match counts.iter_mut().find(is_same) {
                Some(known) => known["connections"] = json!(connections(known) + connections(one)),
                None => counts.push(one.clone()),
            }
        }
        if page["after"].is_null() {
            return Ok(sum);
        }
        payload["after"] = page["after"].clone();
    }
}

/// How many connections an entry of a count stands for.
pub(crate) fn connections(count: &Value) -> u64 {
    count["connections"].as_u64().unwrap_or_default()
}

/// A table for a list of entries, and below it a line for each other member.
pub(crate) fn in_words(answer: &Value) -> String {
    let mut text = String::new();
    for (name, value) in answer.as_object().into_iter().flatten() {
        match value {
            Value::Array(entries) if entries.iter().all(Value::is_object) => text += &table(entries),
            Value::Object(members) => {
                for (member, value) in members {
                    let _ = writeln!(text, "{name}.{member}: {}", word(value));
                }
            }
            Value::Null => {}
            value => {
                let _ = writeln!(text, "{name}: {}", word(value));
            }
        }
    }
    text
}

/// Columns that are as wide as their widest cell.
fn table(entries: &[Value]) -> String {
    let Some(first) = entries.first().and_then(Value::as_object) else { return "none\n".to_owned() };
    let header: Vec<String> = first.keys().cloned().collect();
    let cells = |entry: &Value| header.iter().map(|name| word(&entry[name])).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = std::iter::once(header.clone()).chain(entries.iter().map(cells)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// A value as a cell. What could move the cursor or turn the text around is escaped.
fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.chars().fold(String::new(), |mut cell, one| {
            if one.is_control() || is_bidirectional_control(one) {
                cell.extend(one.escape_unicode());
            } else {
                cell.push(one);
            }
            cell
        }),
        Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join(" "),
        Value::Object(members) => {
            let words = members.values().filter(|value| !value.is_null()).map(word);
            words.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
#[cfg(feature = "local")]
mod tests;
