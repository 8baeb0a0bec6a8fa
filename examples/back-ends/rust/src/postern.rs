//! Gets access tokens from Postern's function `access-token`. Copy this file into your back end.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::DisplayErrorContext;
use aws_sdk_lambda::primitives::Blob;
use serde::{Deserialize, Serialize};

/// What the function is asked: by user ID or by receipt.
#[derive(Default, Serialize)]
pub struct Question<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<&'a str>,
    /// A token of this user that Gmail refused before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_token: Option<&'a str>,
}

/// A user's access token. Never store or log it: asking again is cheap.
#[derive(Deserialize)]
pub struct Token {
    pub access_token: String,
    pub user: User,
    /// Of a receipt: the front end that got it.
    pub origin: Option<String>,
}

#[derive(Deserialize)]
pub struct User {
    pub id: String,
    pub email: Option<String>,
}

/// Why there is no token: Postern's problem document.
#[derive(Debug, Deserialize)]
pub struct Problem {
    pub code: String,
    pub detail: String,
    /// Of a 401: why the user must connect again.
    pub reason: Option<String>,
    /// The page where the user does so.
    pub start_url: Option<String>,
    /// Seconds, if it will pass by itself.
    pub retry_after: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{}: {}", .0.code, .0.detail)]
    Problem(Problem),
    /// Lambda did not run the function, or it was stopped or broke before it could answer.
    #[error("access-token failed: {0}")]
    Lambda(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Problem(Problem),
    Token(Token),
}

/// The function, with the name in the stack's output `AccessTokenFunction`. The role of this
/// process must be in `BackEndRoleArns`.
pub struct Postern {
    functions: Client,
    name: String,
}

impl Postern {
    /// Region and credentials come from the environment, as for every AWS client.
    pub async fn open(name: String) -> Self {
        Self { functions: Client::new(&aws_config::load_from_env().await), name }
    }

    /// Invokes the function.
    pub async fn ask(&self, question: &Question<'_>) -> Result<Token, Failure> {
        let question = serde_json::to_vec(question).map_err(|error| Failure::Lambda(error.to_string()))?;
        let invocation = self.functions.invoke().function_name(&self.name).payload(Blob::new(question));
        let answer = invocation.send().await;
        let answer = answer.map_err(|error| Failure::Lambda(DisplayErrorContext(error).to_string()))?;
        let payload = answer.payload.unwrap_or_else(|| Blob::new([])).into_inner();
        if answer.function_error.is_some() {
            return Err(Failure::Lambda(String::from_utf8_lossy(&payload).into_owned()));
        }
        match serde_json::from_slice(&payload) {
            Ok(Answer::Token(token)) => Ok(token),
            Ok(Answer::Problem(problem)) => Err(Failure::Problem(problem)),
            Err(error) => Err(Failure::Lambda(error.to_string())),
        }
    }
}
