//! `cargo xtask risc`: tells Google's Cross-Account Protection where a stack receives security
//! events, as a service account of the Google Cloud project
//! (developers.google.com/identity/protocols/risc).

mod service_account;
#[cfg(all(test, feature = "local"))]
mod tests;

use std::time::Duration;

use postern::clock::Clock;
use postern::outside::http::{HttpStack, send};
use postern_rules::config::{Default, names};
use postern_rules::random;
use postern_rules::security_event::{Kind, fingerprint, is_issuer};
use serde_json::{Value, json};

use self::service_account::ServiceAccount;
use crate::account::Account;
use crate::commands::{RiscAction, RiscOptions};
use crate::stack::Stack;

const API: &str = "https://risc.googleapis.com";
const DISCOVERY: &str = "https://accounts.google.com";
const PUSH: &str = "https://schemas.openid.net/secevent/risc/delivery-method/push";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(20);
const LARGEST_ANSWER: usize = 64 * 1024;
/// In characters, of what Google says is wrong.
const LONGEST_MESSAGE: usize = 300;

/// Registers, shows, tests or stops the stream.
pub(crate) async fn run(options: RiscOptions) -> Result<(), String> {
    let account = ServiceAccount::read(&options.key)?;
    let google = if options.local {
        let url = format!("http://127.0.0.1:{}", options.google_port);
        Google::at(&url, &url, format!("{url}/oauth2/v3/certs"))?
    } else {
        let Default::Value(keys) = names::GOOGLE_CERTIFICATES_URL.default else {
            return Err("there is no address of Google's keys".to_owned());
        };
        Google::at(API, DISCOVERY, keys.to_owned())?
    };
    // A stream must be stopped also after its stack has gone.
    let receiver =
        if options.action == RiscAction::Stop { String::new() } else { receiver(&options).await? };
    let words = act(&google, &account, options.action, &receiver, &Clock::System).await?;
    println!("{words}");
    if options.action == RiscAction::Verify && !options.local {
        println!("aws logs tail /postern/{}/risc shows the function's log", options.stack_name);
    }
    Ok(())
}

/// Where the stack receives events.
async fn receiver(options: &RiscOptions) -> Result<String, String> {
    if options.local {
        return Ok(format!("http://localhost:{}/risc", options.api_port));
    }
    let account = Account::open(&options.account).await?;
    let stack = Stack::require(&account, &options.stack_name).await?;
    if stack.outputs.get("RiscFunction").is_err() {
        return Err(format!(
            "the stack {:?} has no function risc; deploy it with --parameter CrossAccountProtection=on first",
            options.stack_name
        ));
    }
    Ok(format!("{}/risc", stack.outputs.get("ApiUrl")?))
}

/// Does it, and returns what to print.
async fn act(
    google: &Google,
    account: &ServiceAccount,
    action: RiscAction,
    receiver: &str,
    clock: &Clock,
) -> Result<String, String> {
    let token = account.token(clock.now())?;
    let call = async |path: &str, body: Option<&Value>| google.call(path, &token, body).await;
    match action {
        RiscAction::Register => {
            google.check_configuration().await?;
            let events: Vec<&str> = Kind::requested().collect();
            let delivery = json!({"delivery_method": PUSH, "url": receiver});
            let stream = json!({"delivery": delivery, "events_requested": events});
            call("/v1beta/stream:update", Some(&stream)).await?;
            call("/v1beta/stream/status:update", Some(&json!({"status": "enabled"}))).await?;
            Ok(format!(
                "Google delivers security events to {receiver}; try it with `cargo xtask risc verify`"
            ))
        }
        RiscAction::Status => {
            let stream = call("/v1beta/stream", None).await?;
            let status = call("/v1beta/stream/status", None).await?;
            Ok(description(&stream, &status, receiver))
        }
        RiscAction::Verify => {
            let state = random::identifier();
            call("/v1beta/stream:verify", Some(&json!({ "state": state }))).await?;
            let state = fingerprint(&state);
            Ok(format!(
                "Google sends a test; when it arrives, the function logs a security event with the state {state}"
            ))
        }
        RiscAction::Stop => {
            call("/v1beta/stream/status:update", Some(&json!({"status": "disabled"}))).await?;
            Ok("Google delivers no more security events; `cargo xtask risc register` begins again".to_owned())
        }
    }
}

fn description(stream: &Value, status: &Value, expected: &str) -> String {
    let text = |value: &Value| plain(value.as_str().unwrap_or("unknown"));
    let receiver = text(&stream["delivery"]["url"]);
    let mut lines = vec![format!("status    {}", text(&status["status"])), format!("receiver  {receiver}")];
    if receiver != expected {
        lines.push(format!("          this stack's is {expected}: run `cargo xtask risc register`"));
    }
    let asked = stream["events_requested"].as_array().into_iter().flatten();
    let asked: Vec<String> = asked.map(text).collect();
    lines.extend(asked.iter().map(|event| format!("event     {event}")));
    for missing in Kind::requested().filter(|wanted| !asked.iter().any(|asked| asked == wanted)) {
        lines.push(format!("missing   {missing}: run `cargo xtask risc register`"));
    }
    lines.join("\n")
}

/// What somebody else wrote, fit for a terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(LONGEST_MESSAGE).collect()
}

/// Google's RISC API and its configuration document.
struct Google {
    web: reqwest::Client,
    api: String,
    discovery: String,
    /// Where the function reads the keys.
    keys: String,
}

impl Google {
    fn at(api: &str, discovery: &str, keys: String) -> Result<Self, String> {
        let stack = HttpStack::new(None).map_err(|error| error.to_string())?;
        let web = stack.client(CONNECT_TIMEOUT, false);
        Ok(Self { web, api: api.to_owned(), discovery: discovery.to_owned(), keys })
    }

    /// Compares what Google says of its tokens with what the function expects.
    async fn check_configuration(&self) -> Result<(), String> {
        let url = format!("{}/.well-known/risc-configuration", self.discovery);
        let document = self.ask(self.web.get(&url)).await?;
        let is_known = document["issuer"].as_str().is_some_and(is_issuer);
        if is_known && document["jwks_uri"] == self.keys.as_str() {
            return Ok(());
        }
        Err(format!(
            "Google's document {url} names another issuer or other keys than the function expects; update Postern"
        ))
    }

    async fn call(&self, path: &str, token: &str, body: Option<&Value>) -> Result<Value, String> {
        let url = format!("{}{path}", self.api);
        let request = match body {
            Some(body) => {
                self.web.post(url).header("content-type", "application/json").body(body.to_string())
            }
            None => self.web.get(url),
        };
        self.ask(request.bearer_auth(token)).await
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Value, String> {
        let request = request.build().map_err(|_| "the request cannot be made".to_owned())?;
        let answer = send(&self.web, request, TIMEOUT, LARGEST_ANSWER).await;
        let answer = answer.map_err(|failure| format!("Google does not answer: {failure}; try again"))?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if (200..300).contains(&answer.status) {
            return Ok(body);
        }
        let says = plain(body["error"]["message"].as_str().unwrap_or("no reason"));
        Err(format!(
            "Google refuses ({}): {says}; docs/deploy.md#security-events says what Google needs",
            answer.status
        ))
    }
}
