//! The data of the bench: one signed-in user, what the back ends answer about them, and the
//! environment that names both. Nothing here is real.

use std::collections::HashMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postern_rules::code;
use postern_rules::seal::{Keyring, Purpose};
use postern_rules::secret::{OneTimeCode, SessionToken};
use postern_rules::security_event::Kind;
use postern_rules::session::{PresentedToken, Seed, Session};
use postern_rules::time::Timestamp;
use postern_rules::user::UserId;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use crate::http::{Request, response};
use crate::stubs::BackEnd;
use crate::{Mode, Result, now};

pub(crate) const USER: &str = "110169484474386276334";
const CLIENT_ID: &str = "123456789012-abcdefghijklmnopqrstuvwxyz012345.apps.googleusercontent.com";
const CLIENT_SECRET: &str = "GOCSPX-abcdefghijklmnopqrstuvwxyz01";
const SCOPES: &str =
    "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/gmail.readonly";
const REFRESH_TOKEN_ID: &str = "b3Jl8u0Yx1yq3M8tq4mC2g";
const KEYRING: &str =
    r#"{"primary":"k1","k1":"0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr"}"#;
const CLIENT_NAME: &str = "postern/google-client";
const KEYRING_NAME: &str = "postern/sealing-keys";
const CREDENTIALS: &str = "postern-credentials";
const SESSIONS: &str = "postern-sessions";
const MESSAGES: usize = 25;
/// A code, the verifier and the challenge of RFC 7636 appendix B, and the form that redeems it.
const CODE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const TOKEN_REQUEST: &str = "grant_type=authorization_code&client_id=web\
    &redirect_uri=https%3A%2F%2Fapp.example.com%2F\
    &code=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const ERA: &str = "Zm9ydHkgdHc";

/// One signed-in user and their session.
pub(crate) struct World {
    keyring: Keyring,
    pub(crate) session_token: SessionToken,
    session: Session,
}

impl World {
    pub(crate) fn new() -> Result<Self> {
        let keyring = Keyring::parse(KEYRING)?;
        let user = UserId::parse(USER).ok_or("the user's ID is malformed")?;
        // The one place that knows how a session token is made.
        let session_token = Seed::new().token(&user);
        let presented = PresentedToken::parse(session_token.expose()).ok_or("the token is malformed")?;
        let now = timestamp().whole_seconds();
        let session = Session {
            digest: presented.digest,
            user,
            era: Some(ERA.to_owned()),
            began_at: now,
            last_used_at: now,
        };
        Ok(Self { keyring, session_token, session })
    }

    /// What the back ends answer about the user. An ID token repeats `nonce`.
    pub(crate) fn answers(&self, mode: Mode, token_endpoint: &str, nonce: &str) -> Answers {
        let credential = self.credential(mode);
        let session = json!({
            "id": { "S": format!("session#{}", self.session.digest) },
            "schema": { "N": "1" },
            "user_id": { "S": USER },
            "era": { "S": ERA },
            "began_at": number(self.session.began_at.seconds()),
            "last_used_at": number(self.session.last_used_at.seconds()),
            "expires_at": number(self.session.expires_at().seconds()),
        });
        let client = json!({ "web": {
            "client_id": CLIENT_ID,
            "project_id": "postern-bench",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": token_endpoint,
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "client_secret": CLIENT_SECRET,
            "redirect_uris": ["https://api.example.com/oauth/callback"],
        } });
        let client = secret(CLIENT_NAME, &client.to_string());
        let keyring = secret(KEYRING_NAME, KEYRING);
        let messages: Vec<Value> = (0..MESSAGES)
            .map(|number| json!({ "id": format!("18c2f5b7a1{number:06}"), "threadId": format!("18c2f5b7a1{number:06}") }))
            .collect();
        let code = json!({
            "id": { "S": format!("code#{}", code::digest(&OneTimeCode::new(CODE))) },
            "schema": { "N": "1" },
            "user_id": { "S": USER },
            "era": { "S": ERA },
            "challenge": { "S": CHALLENGE },
            "redirect_uri": { "S": "https://app.example.com/" },
            "client_id": { "S": "web" },
            // From the future, so that it does not expire while the bench runs.
            "issued_at": number(timestamp().seconds() + 12 * 3600),
            "expires_at": number(timestamp().seconds() + 13 * 3600),
        });
        let page = json!({ "messages": messages, "nextPageToken": "09876543210987654321", "resultSizeEstimate": 201 });
        let tokens = json!({
            "access_token": access_token(),
            "expires_in": 3599,
            "scope": SCOPES,
            "token_type": "Bearer",
            "id_token": id_token(nonce),
        });
        let mut exchanged = tokens.clone();
        exchanged["refresh_token"] = refresh_token().into();
        let both = json!({ "Responses": { CREDENTIALS: [&credential], SESSIONS: [&session] }, "UnprocessedKeys": {} });
        Answers {
            responses: HashMap::from([
                ("BatchGetItem", dynamodb(&both)),
                ("GetItem of a code", dynamodb(&json!({ "Item": code }))),
                ("GetItem of a session", dynamodb(&json!({ "Item": session }))),
                ("GetItem", dynamodb(&json!({ "Item": credential }))),
                ("UpdateItem", dynamodb(&json!({ "Attributes": credential }))),
                ("Scan", dynamodb(&json!({ "Items": [&credential], "Count": 1, "ScannedCount": 1 }))),
                ("PutItem", dynamodb(&json!({}))),
                ("DeleteItem", dynamodb(&json!({}))),
                (
                    "BatchGetSecretValue",
                    json_1_1(&json!({ "SecretValues": [&keyring, &client], "Errors": [] })),
                ),
                ("GetSecretValue of the client", json_1_1(&client)),
                ("GetSecretValue", json_1_1(&keyring)),
                (
                    "PutEvents",
                    json_1_1(
                        &json!({ "FailedEntryCount": 0, "Entries": [{ "EventId": "11710aed-b79e-4468-a20b-bb3c0c3b4860" }] }),
                    ),
                ),
                ("messages.list", google(&page)),
                ("messages.get", google(&message(0))),
                ("batch of messages.get", batch()),
                ("keys", google(&keys())),
                ("token refresh", google(&tokens)),
                ("token exchange", google(&exchanged)),
            ]),
            unknown: response(400, "application/json", "", r#"{"__type":"UnknownOperationException"}"#),
        }
    }

    /// The record of the credential's first write, as the stream brings it.
    pub(crate) fn record(&self, mode: Mode) -> Value {
        json!({
            "eventID": "c4ca4238a0b923820dcc509a6f75849b",
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "dynamodb": {
                "ApproximateCreationDateTime": timestamp().seconds(),
                "Keys": { "user_id": { "S": USER } },
                "NewImage": self.credential(mode),
                "SequenceNumber": "4421584500000000017450439091",
                "SizeBytes": 1900,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
            "eventSourceARN": format!("arn:aws:dynamodb:us-east-1:123456789012:table/{CREDENTIALS}/stream/2026-11-26T00:00:00.000"),
        })
    }

    /// The credential, with the tokens also in clear for the yardsticks, which seal nothing.
    fn credential(&self, mode: Mode) -> Value {
        let now = timestamp().seconds();
        let (obtained_at, expires_at) = match mode {
            // Longer than Google's hour, so that the bench may take longer than one.
            Mode::Good => (now, now + 12 * 3600),
            Mode::Expired => (now - 7200, now - 3600),
        };
        let sealed = |attribute: &str, token: &str| {
            let place = ["credentials", USER, attribute, REFRESH_TOKEN_ID, CLIENT_ID];
            json!({ "S": self.keyring.seal(Purpose::Token, &place, token.as_bytes()).as_str() })
        };
        json!({
            "user_id": { "S": USER },
            "schema": { "N": "1" },
            "status": { "S": "active" },
            "client_id": { "S": CLIENT_ID },
            "email": { "S": "ann@example.com" },
            "scopes": { "S": SCOPES },
            "refresh_token": sealed("refresh_token", &refresh_token()),
            "refresh_token_id": { "S": REFRESH_TOKEN_ID },
            "access_token": sealed("access_token", &access_token()),
            "access_token_obtained_at": number(obtained_at),
            "access_token_expires_at": number(expires_at),
            "version": { "N": "7" },
            "write_id": { "S": "b3Jl8u0Yx1yq3M8tq4mC2g" },
            "connected_at": number(now - 30 * 86400),
            "era": { "S": ERA },
            "sessions_valid_from": number(now - 30 * 86400),
            "updated_at": number(obtained_at),
            "plain_access_token": { "S": access_token() },
            "plain_refresh_token": { "S": refresh_token() },
            "plain_expires_at": number(expires_at),
        })
    }
}

/// Google's key, and the token of an event that ends the user's grant and sessions, made with it.
fn signing_key() -> Result<RsaKeyPair> {
    let key = include_bytes!("../harness/fixtures/fake_google_signing_key.der");
    RsaKeyPair::from_pkcs8(key).map_err(|error| error.to_string().into())
}

fn keys() -> Value {
    let encode = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
    let public = signing_key().map(|key| PublicKeyComponents::<Vec<u8>>::from(key.public()));
    let key = public.map(
        |key| json!({ "kty": "RSA", "alg": "RS256", "kid": "k", "n": encode(key.n), "e": encode(key.e) }),
    );
    json!({ "keys": [key.unwrap_or_default()] })
}

/// The token that Google would deliver. From the future, so that nothing is newer while the bench
/// runs.
#[expect(clippy::disallowed_methods, reason = "ring takes its own source of randomness")]
pub(crate) fn security_event() -> Result<String> {
    let subject = json!({ "subject_type": "iss-sub", "iss": "https://accounts.google.com/", "sub": USER });
    let claims = json!({
        "iss": "https://accounts.google.com/",
        "aud": CLIENT_ID,
        "iat": timestamp().seconds() + 24 * 3600,
        "jti": "756E69717565206964656E746966696572",
        "events": { Kind::AccountDisabled.uri(): { "subject": subject, "reason": "hijacking" } },
    });
    let header = json!({ "alg": "RS256", "kid": "k", "typ": "JWT" });
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let token = format!("{}.{}", encode(&header), encode(&claims));
    let key = signing_key()?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
        .map_err(|error| error.to_string())?;
    Ok(format!("{token}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// What Gmail returns of a message with `format=metadata`.
fn message(number: usize) -> Value {
    let header = |name: &str, value: &str| json!({ "name": name, "value": value });
    json!({
        "id": format!("18c2f5b7a1{number:06}"),
        "threadId": format!("18c2f5b7a1{number:06}"),
        "labelIds": ["CATEGORY_PERSONAL", "INBOX", "UNREAD"],
        "snippet": "There are still three open points on the list. I&#39;ll call you in the afternoon.",
        "historyId": "1234567",
        "internalDate": "1795600000000",
        "sizeEstimate": 4096,
        "payload": { "mimeType": "multipart/alternative", "headers": [
            header("From", "Priya Raman <priya.raman@northwind.example>"),
            header("To", "Ann Archer <ann@example.com>, =?UTF-8?B?QmrDtnJu?= <bjorn@example.com>"),
            header("Subject", "=?UTF-8?Q?Release_checklist_=E2=80=93_last_points?="),
        ] },
    })
}

/// Gmail's answer to a batch for every message of the page.
fn batch() -> Vec<u8> {
    let mut body = String::new();
    for number in 0..MESSAGES {
        let message = message(number).to_string();
        let _ = write!(
            body,
            "--batch_x\r\nContent-Type: application/http\r\nContent-ID: <response-{number}>\r\n\r\nHTTP/1.1 200 OK\r\n\
             Content-Type: application/json; charset=UTF-8\r\nContent-Length: {}\r\n\r\n{message}\r\n",
            message.len()
        );
    }
    response(200, "multipart/mixed; boundary=batch_x", "", &(body + "--batch_x--"))
}

/// What the back ends answer: complete responses.
pub(crate) struct Answers {
    responses: HashMap<&'static str, Vec<u8>>,
    unknown: Vec<u8>,
}

impl Answers {
    /// The operation that `request` calls, and its answer.
    pub(crate) fn find<'a>(&'a self, back_end: BackEnd, request: &'a Request) -> (&'a str, &'a [u8]) {
        let operation = match back_end {
            BackEnd::DynamoDb | BackEnd::SecretsManager | BackEnd::EventBridge => request
                .header("x-amz-target")
                .and_then(|target| target.rsplit('.').next())
                .unwrap_or_default(),
            BackEnd::Gmail if request.path.starts_with("/batch/") => "batch of messages.get",
            BackEnd::Gmail if request.path.contains("/messages/") => "messages.get",
            BackEnd::Gmail => "messages.list",
            BackEnd::Token if request.path == "/certs" => "keys",
            BackEnd::Token if request.mentions("grant_type=authorization_code") => "token exchange",
            BackEnd::Token => "token refresh",
        };
        let key = match operation {
            "GetItem" if request.mentions("code#") => "GetItem of a code",
            "GetItem" if request.mentions(SESSIONS) => "GetItem of a session",
            "GetSecretValue" if request.mentions(CLIENT_NAME) => "GetSecretValue of the client",
            other => other,
        };
        (operation, self.responses.get(key).unwrap_or(&self.unknown))
    }
}

/// The environment of a function, without the address of the Runtime API.
pub(crate) fn environment(url: impl Fn(BackEnd) -> String, certificate: &str) -> Vec<(&'static str, String)> {
    let google = url(BackEnd::Token);
    vec![
        ("CREDENTIALS_TABLE", CREDENTIALS.to_owned()),
        ("SESSIONS_TABLE", SESSIONS.to_owned()),
        ("GOOGLE_CLIENT_SECRET_ID", CLIENT_NAME.to_owned()),
        ("SEALING_KEYS_SECRET_ID", KEYRING_NAME.to_owned()),
        ("PUBLIC_URL", "https://api.example.com".to_owned()),
        ("ALLOWED_ORIGINS", "https://app.example.com".to_owned()),
        ("METRICS_NAMESPACE", "Postern/bench".to_owned()),
        ("EXTRA_ROOT_CERTIFICATES", certificate.to_owned()),
        ("GMAIL_URL", url(BackEnd::Gmail)),
        ("GOOGLE_USERINFO_URL", format!("{google}/userinfo")),
        ("GOOGLE_REVOKE_URL", format!("{google}/revoke")),
        ("GOOGLE_CERTIFICATES_URL", format!("{google}/certs")),
        ("AWS_ENDPOINT_URL_DYNAMODB", url(BackEnd::DynamoDb)),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url(BackEnd::SecretsManager)),
        ("AWS_ENDPOINT_URL_EVENTBRIDGE", url(BackEnd::EventBridge)),
        ("EVENT_BUS_NAME", "default".to_owned()),
        ("SWEEP_UNUSED_DAYS", "30".to_owned()),
        // The yardsticks have no sessions that say who the user is.
        ("BENCH_USER", USER.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
        ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2Vj".repeat(50)),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench".to_owned()),
    ]
}

fn timestamp() -> Timestamp {
    Timestamp::from_seconds(i64::try_from(now().as_secs()).unwrap_or(i64::MAX))
}

fn number(value: i64) -> Value {
    json!({ "N": value.to_string() })
}

fn secret(name: &str, value: &str) -> Value {
    json!({
        "ARN": format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-AbCdEf"),
        "Name": name,
        "VersionId": "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111",
        "SecretString": value,
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": 1_700_000_000.5,
    })
}

/// As Google's: the signature is not checked (OpenID Connect Core section 3.1.3.7, item 6).
fn id_token(nonce: &str) -> String {
    let now = timestamp().seconds();
    let header = json!({ "alg": "RS256", "kid": "f2e82732b971a135cf1416e8b46dae04d80894e7", "typ": "JWT" });
    let claims = json!({
        "iss": "https://accounts.google.com", "azp": CLIENT_ID, "aud": CLIENT_ID, "sub": USER,
        "email": "ann@example.com", "email_verified": true, "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q",
        "nonce": nonce, "iat": now, "exp": now + 3600,
    });
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", encode(header), encode(claims), "s".repeat(342))
}

// Of the usual lengths of Google's tokens.
fn access_token() -> String {
    format!("ya29.{}", "a0AfB_byC".repeat(24))
}

fn refresh_token() -> String {
    format!("1//09{}", "xYz0123456789-_a".repeat(6))
}

fn dynamodb(body: &Value) -> Vec<u8> {
    aws("application/x-amz-json-1.0", body)
}

/// Of Secrets Manager and EventBridge.
fn json_1_1(body: &Value) -> Vec<u8> {
    aws("application/x-amz-json-1.1", body)
}

fn aws(content_type: &str, body: &Value) -> Vec<u8> {
    let headers = "x-amzn-requestid: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n";
    response(200, content_type, headers, &body.to_string())
}

fn google(body: &Value) -> Vec<u8> {
    let headers = "vary: Origin\r\nvary: X-Origin\r\nvary: Referer\r\ncache-control: private\r\nserver: ESF\r\n\
        x-xss-protection: 0\r\nx-frame-options: SAMEORIGIN\r\nx-content-type-options: nosniff\r\n";
    response(200, "application/json; charset=UTF-8", headers, &body.to_string())
}
