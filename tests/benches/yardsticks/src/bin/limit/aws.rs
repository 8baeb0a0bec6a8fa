//! Calls AWS with a signature made by hand (Signature Version 4).

use bytes::Bytes;
use hyper::{Request, Uri, header};
use lambda_runtime::Error;
use ring::{digest, hmac};

use crate::connections::{Connections, authority};

/// An AWS service.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) uri: Uri,
}

/// The region and the credentials.
pub(crate) struct Aws {
    pub(crate) region: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) session_token: Option<String>,
}

impl Aws {
    /// Calls the operation `target` and returns the body of its answer.
    pub(crate) async fn call(
        &self,
        connections: &Connections,
        service: &Service,
        target: &str,
        body: &serde_json::Value,
    ) -> Result<Bytes, Error> {
        let body = body.to_string();
        let host = authority(&service.uri);
        let time = timestamp(crate::now()?);
        let (date, name) = (&time[..8], service.name);
        let (mut token_line, mut token_name) = (String::new(), "");
        if let Some(token) = &self.session_token {
            token_line = format!("x-amz-security-token:{token}\n");
            token_name = "x-amz-security-token;";
        }
        let signed = format!("content-type;host;x-amz-date;{token_name}x-amz-target");
        let canonical = format!(
            "POST\n/\n\ncontent-type:{}\nhost:{host}\nx-amz-date:{time}\n{token_line}\
             x-amz-target:{target}\n\n{signed}\n{}",
            service.content_type,
            hash(body.as_bytes()),
        );
        let scope = format!("{date}/{}/{name}/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(canonical.as_bytes()));
        let mut key = format!("AWS4{}", self.secret_key).into_bytes();
        for part in [date, &self.region, name, "aws4_request", &text] {
            let part = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes());
            key = part.as_ref().to_vec();
        }
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={}",
            self.access_key,
            hexadecimal(&key),
        );
        let mut request = Request::post("/")
            .header(header::CONTENT_TYPE, service.content_type)
            .header("x-amz-date", time)
            .header("x-amz-target", target)
            .header(header::AUTHORIZATION, authorization);
        if let Some(token) = &self.session_token {
            request = request.header("x-amz-security-token", token);
        }
        connections.send(&service.uri, request, body.into()).await
    }
}

fn hash(bytes: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The time as `20260102T030405Z` (the calendar is Howard Hinnant's `civil_from_days`).
fn timestamp(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = days / 146_097 * 400 + year_of_era + u64::from(month <= 2);
    format!("{year}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}
