//! Carries the AWS SDK's requests over the process's HTTP client, to avoid a second HTTP stack.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{Failure, send};
use crate::telemetry::metrics::{BackEnd, Timing};

/// The most bytes of a response, as many as DynamoDB's BatchGetItem can return.
const LIMIT: usize = 16 * 1024 * 1024;
/// A fallback. The SDK's own timeouts are shorter.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTP client for the AWS SDK.
#[derive(Clone, Debug)]
pub struct Connector {
    client: reqwest::Client,
    timed_as: Option<BackEnd>,
}

impl Connector {
    /// Wraps `client`.
    pub const fn new(client: reqwest::Client) -> Self {
        Self { client, timed_as: None }
    }

    /// The same client, which times each attempt of the SDK as a call to `back_end`.
    #[must_use]
    pub(crate) fn timed_as(&self, back_end: BackEnd) -> Self {
        Self { timed_as: Some(back_end), ..self.clone() }
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { client, timed_as } = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            // DynamoDB and Secrets Manager send no streamed bodies.
            let body = body.bytes().map(bytes::Bytes::copy_from_slice).unwrap_or_default();
            let request = reqwest::Request::try_from(http::Request::from_parts(parts, body))
                .map_err(|error| ConnectorError::user(error.without_url().into()))?;
            let timing = timed_as.map(Timing::begin);
            let answer = send(&client, request, TIMEOUT, LIMIT).await.map_err(to_connector_error)?;
            drop(timing);
            let status =
                answer.status.try_into().map_err(|_| ConnectorError::other("status".into(), None))?;
            let mut response = HttpResponse::new(status, SdkBody::from(answer.body.as_slice()));
            for (name, value) in &answer.headers {
                if let Ok(value) = value.to_str() {
                    response.headers_mut().append(name.as_str().to_owned(), value.to_owned());
                }
            }
            Ok(response)
        })
    }
}

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// Describes a failed AWS call by the service's error code and fixed texts. The SDK's own messages
/// can contain the response, and that of Secrets Manager contains secrets (A62).
pub fn describe<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> String {
    match error {
        SdkError::ConstructionFailure(_) => "the request could not be made".to_owned(),
        SdkError::TimeoutError(_) => "timed out".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "timed out".to_owned(),
        SdkError::DispatchFailure(_) => "no connection, or one that broke".to_owned(),
        SdkError::ResponseError(answer) => {
            format!("an answer that could not be read (status {})", answer.raw().status())
        }
        SdkError::ServiceError(refusal) => {
            let code = error.code().filter(|code| code.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            format!("{} (status {})", code.unwrap_or("an unnamed error"), refusal.raw().status())
        }
        _ => "an unknown failure".to_owned(),
    }
}

fn to_connector_error(failure: Failure) -> ConnectorError {
    match failure {
        Failure::TimedOut => ConnectorError::timeout(failure.into()),
        Failure::NotConnected(_) | Failure::Broken(_) => ConnectorError::io(failure.into()),
        Failure::TooLarge => ConnectorError::other(failure.into(), None),
    }
}
