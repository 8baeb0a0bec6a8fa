//! What a back end does with Postern, as three commands: trade, unread, event.

mod postern;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use postern::{Failure, Postern, Question};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

type Outcome = Result<(), Box<dyn Error>>;

/// The page sent its receipt with a request of a user of yours: whose mailbox is it?
async fn trade(postern: &Postern, receipt: &str) -> Outcome {
    // The origin of your page. Without it, receipts would pass that no page asked for.
    let page = env::var("APP_ORIGIN").unwrap_or_default();
    if page.is_empty() {
        return Err("set APP_ORIGIN to the origin of your page".into());
    }
    let token = postern.ask(&Question { receipt: Some(receipt), ..Question::default() }).await?;
    // Another front end of the same Postern gets receipts, too. Accept only those of your own page.
    if token.origin.as_deref() != Some(page.as_str()) {
        let origin = token.origin.as_deref().unwrap_or("no page");
        return Err(format!("refused: the receipt is for {origin}").into());
    }
    // Store this ID with your user. It is all that you need from now on.
    println!("{} is {}", token.user.id, token.user.email.unwrap_or_default());
    Ok(())
}

/// The subjects of the newest unread messages, whether or not the user is there.
async fn unread(postern: &Postern, user_id: &str) -> Outcome {
    // One token for one run: it lasts for a minute at least.
    let question = Question { user_id: Some(user_id), ..Question::default() };
    let token = postern.ask(&question).await?.access_token;
    let subjects = match subjects(&token).await {
        // Gmail refused the token before its end. Try once more, with another.
        Err(error) if error.status() == Some(StatusCode::UNAUTHORIZED) => {
            let question = Question { refused_token: Some(&token), ..question };
            subjects(&postern.ask(&question).await?.access_token).await?
        }
        outcome => outcome?,
    };
    subjects.iter().for_each(|subject| println!("{subject}"));
    Ok(())
}

/// Google has no library for Rust; this calls the Gmail API itself.
async fn subjects(token: &str) -> Result<Vec<String>, reqwest::Error> {
    // GMAIL_ENDPOINT is for tests, with a fake Google. Without it, this is Gmail.
    let gmail = env::var("GMAIL_ENDPOINT").unwrap_or_else(|_| "https://gmail.googleapis.com".to_owned());
    let messages = format!("{gmail}/gmail/v1/users/me/messages");
    let http = reqwest::Client::new();
    let get = async |url: &str, query: &[(&str, &str)]| {
        let request = http.get(url).query(query).bearer_auth(token);
        request.send().await?.error_for_status()?.json::<Value>().await
    };
    let listed = get(&messages, &[("q", "is:unread"), ("maxResults", "3")]).await?;
    let mut subjects = Vec::new();
    for message in listed["messages"].as_array().into_iter().flatten() {
        let url = format!("{messages}/{}", message["id"].as_str().unwrap_or_default());
        let found = get(&url, &[("format", "metadata"), ("metadataHeaders", "Subject")]).await?;
        let subject = found["payload"]["headers"][0]["value"].as_str();
        subjects.push(subject.unwrap_or("(no subject)").to_owned());
    }
    Ok(subjects)
}

/// What an EventBridge rule passes to a Lambda function.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "detail-type")]
    kind: String,
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    user: User,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

/// The handler of that function; give it to `lambda_runtime::run`.
fn event(Event { kind, detail: Detail { user: User { id }, reason } }: Event) {
    match kind.as_str() {
        "Gmail Lapsed" => {
            let reason = reason.unwrap_or_default();
            println!("pause the jobs of {id} and ask them to connect again: {reason}");
        }
        "Gmail Grant Ends Soon" => println!("ask {id} to connect again: the grant ends soon"),
        "Gmail Disconnected" => println!("delete what you keep of the mailbox of {id}"),
        "Gmail Connected" | "Gmail Reconnected" => println!("start the jobs of {id}"),
        _ => {}
    }
}

async fn run() -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if arguments == ["event"] {
        event(serde_json::from_reader(std::io::stdin())?);
        return Ok(());
    }
    let postern = Postern::open(env::var("POSTERN_FUNCTION")?).await;
    match arguments[..] {
        ["trade", receipt] => trade(&postern, receipt).await?,
        ["unread", user_id] => unread(&postern, user_id).await?,
        _ => return Err("give one of: trade RECEIPT, unread USER_ID, event".into()),
    }
    Ok(())
}

/// What to do about an error.
fn explain(error: &(dyn Error + 'static)) -> String {
    let Some(Failure::Problem(problem)) = error.downcast_ref() else { return error.to_string() };
    match problem {
        // Only the user can help. Show this link on a page of yours.
        postern::Problem { code, reason, start_url: Some(url), .. } => {
            format!("connect Gmail again ({}): {url}", reason.as_ref().unwrap_or(code))
        }
        // Put the job back into its queue. Until then the answer stays the same.
        postern::Problem { retry_after: Some(seconds), code, .. } => {
            format!("try again in {seconds} s: {code}")
        }
        postern::Problem { code, detail, .. } => format!("{code}: {detail}"),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", explain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
