//! The configuration and clients of a process, built once. Only this file makes AWS clients.

#[cfg(feature = "events")]
use std::sync::OnceLock;
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use futures_util::FutureExt;
use futures_util::future::join;
#[cfg(feature = "events")]
use postern_rules::config::names;
use postern_rules::config::{Config, ConfigError};

use crate::clock::Clock;
use crate::config::Aws;
use crate::outside::dynamodb::Store;
#[cfg(feature = "events")]
use crate::outside::event_bus::EventBus;
use crate::outside::google::Google;
use crate::outside::http::aws::Connector;
use crate::outside::http::{EarlyClient, HttpStack};
use crate::outside::secrets_manager::Secrets;
use crate::telemetry::metrics::{BackEnd, Sink};

const AWS_CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
const AWS_ATTEMPT_TIMEOUT: Duration = Duration::from_millis(800);
const AWS_OPERATION_TIMEOUT: Duration = Duration::from_millis(2500);
const AWS_ATTEMPTS: u32 = 3;
/// The longest pause before the second attempt; twice this before the third. The SDK's own second
/// could outlast [`AWS_OPERATION_TIMEOUT`] before the third attempt began (F03).
const AWS_PAUSE: Duration = Duration::from_millis(200);

/// The configuration, clock and clients that a function uses.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The clock.
    pub clock: Clock,
    /// Secrets Manager.
    pub secrets: Secrets,
    /// DynamoDB.
    pub store: Store,
    /// Google.
    pub google: Google,
    /// Where metrics are written; `None` disables them.
    pub metrics: Option<Sink>,
    dynamodb_http: EarlyClient,
    /// The region of the tables and secrets.
    pub aws_region: String,
    dynamodb_endpoint: Option<String>,
    #[cfg(feature = "events")]
    event_bus: EventBusParts,
}

/// What the client of the event bus is made of, when it is first needed: the code that makes it is
/// then only in the binary that calls for it, even if all are built together.
#[cfg(feature = "events")]
struct EventBusParts {
    bus: OnceLock<EventBus>,
    http: HttpStack,
    aws: Aws,
}

/// What [`App::prepare`] prepares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// The secrets are read.
    Secrets,
    /// A connection to DynamoDB is opened.
    DynamoDb,
    /// A connection to Gmail is opened.
    Gmail,
}

/// A process without a usable configuration. It answers every request with `error`.
#[derive(Debug)]
pub struct NotConfigured {
    /// The first error in the configuration.
    pub error: ConfigError,
    /// The clock.
    pub clock: Clock,
    /// Where metrics are written; `None` disables them.
    pub metrics: Option<Sink>,
}

impl App {
    /// Builds everything from the environment variables that `look_up` returns, without a call.
    pub fn new(
        look_up: impl Fn(&str) -> Option<String>,
        clock: Clock,
        metrics: Option<Sink>,
    ) -> Result<Self, NotConfigured> {
        Self::of(Config::read(&look_up), Aws::read(&look_up), clock, metrics)
    }

    /// The same for a command that works on a deployment with the operator's own credentials.
    /// Writes no metrics.
    pub fn with_credentials(
        credentials: SharedCredentialsProvider,
        look_up: impl Fn(&str) -> Option<String>,
        clock: Clock,
    ) -> Result<Self, NotConfigured> {
        Self::of(Config::read(&look_up), Aws::with(credentials, &look_up), clock, None)
    }

    fn of(
        config: Result<Config, ConfigError>,
        aws: Result<Aws, ConfigError>,
        clock: Clock,
        metrics: Option<Sink>,
    ) -> Result<Self, NotConfigured> {
        match (config, aws) {
            (Ok(config), Ok(aws)) => match HttpStack::new(config.extra_root_certificates.as_deref()) {
                Ok(http) => Ok(Self::of_parts(config, aws, &http, clock, metrics)),
                Err(error) => Err(NotConfigured { error, clock, metrics }),
            },
            (Err(error), _) | (_, Err(error)) => Err(NotConfigured { error, clock, metrics }),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that makes AWS clients")]
    fn of_parts(config: Config, aws: Aws, http: &HttpStack, clock: Clock, metrics: Option<Sink>) -> Self {
        // One client for each service: an early client has one host.
        let dynamodb_http = http.early_client(AWS_CONNECT_TIMEOUT);
        let secrets_http = http.client(AWS_CONNECT_TIMEOUT, true);
        let (dynamodb_endpoint, aws_region) = (aws.dynamodb_endpoint.clone(), aws.region.clone());
        #[cfg(feature = "events")]
        let event_bus = EventBusParts { bus: OnceLock::new(), http: http.clone(), aws: aws.clone() };
        let mut dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(aws.region.clone()))
            .credentials_provider(aws.credentials.clone())
            .http_client(Connector::new(reqwest::Client::clone(&dynamodb_http)).timed_as(BackEnd::DynamoDb))
            .timeout_config(timeouts())
            .retry_config(retries())
            .retry_partition(own_retry_quota());
        dynamodb.set_endpoint_url(aws.dynamodb_endpoint);
        let mut secrets_manager = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(aws.region))
            .credentials_provider(aws.credentials)
            .http_client(Connector::new(secrets_http).timed_as(BackEnd::SecretsManager))
            .timeout_config(timeouts())
            .retry_config(retries())
            .retry_partition(own_retry_quota());
        secrets_manager.set_endpoint_url(aws.secrets_manager_endpoint);
        let secrets_manager = aws_sdk_secretsmanager::Client::from_conf(secrets_manager.build());
        Self {
            secrets: Secrets::new(secrets_manager, clock.clone(), &config),
            store: Store::new(
                move || aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
                clock.clone(),
                &config,
            ),
            google: Google::new(http, clock.clone(), &config),
            dynamodb_http,
            dynamodb_endpoint,
            aws_region,
            #[cfg(feature = "events")]
            event_bus,
            clock,
            metrics,
            config,
        }
    }

    /// The bus that events are put on.
    #[cfg(feature = "events")]
    #[expect(clippy::disallowed_methods, reason = "the one place that makes AWS clients")]
    pub fn event_bus(&self) -> Result<&EventBus, ConfigError> {
        let missing = ConfigError::missing(names::EVENT_BUS_NAME.name);
        let name = self.config.event_bus_name.clone().ok_or(missing)?;
        let EventBusParts { bus, http, aws } = &self.event_bus;
        Ok(bus.get_or_init(|| {
            let http = http.client(AWS_CONNECT_TIMEOUT, true);
            let mut config = aws_sdk_eventbridge::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(aws.region.clone()))
                .credentials_provider(aws.credentials.clone())
                .http_client(Connector::new(http).timed_as(BackEnd::EventBridge))
                .timeout_config(timeouts())
                .retry_config(retries())
                .retry_partition(own_retry_quota());
            config.set_endpoint_url(aws.event_bridge_endpoint.clone());
            EventBus::new(aws_sdk_eventbridge::Client::from_conf(config.build()), name)
        }))
    }

    /// Prepares the first request, during init: reads the secrets and begins to open connections,
    /// as `ahead` says. A request that needs a secret waits until this has read it.
    pub async fn prepare(&self, ahead: &[Ahead]) {
        // Awaits nothing. A future only so that the secrets are asked for first: they take longest.
        let opening = async {
            for connection in ahead {
                match connection {
                    Ahead::Secrets => {}
                    Ahead::DynamoDb => {
                        let endpoint = self.dynamodb_endpoint.clone();
                        if let Some(url) = endpoint.or_else(|| dynamodb_url(&self.aws_region)) {
                            self.dynamodb_http.open(&url);
                        }
                        self.store.prepare();
                    }
                    Ahead::Gmail => self.google.open_gmail(),
                }
            }
        };
        let reading = async {
            if ahead.contains(&Ahead::Secrets) {
                // A failure is the first request's, which reads again.
                let _ = self.secrets.keyring().await;
            }
        };
        join(reading, opening).await;
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(AWS_ATTEMPT_TIMEOUT)
        .operation_timeout(AWS_OPERATION_TIMEOUT)
        .build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(AWS_ATTEMPTS).with_initial_backoff(AWS_PAUSE)
}

/// The SDK's quota of retries, which failures use up and successes fill again. Its default is
/// shared by all clients of a process, so that one that is gone could leave the next without
/// retries.
fn own_retry_quota() -> RetryPartition {
    RetryPartition::custom("postern").build()
}

/// DynamoDB's address in a region, as the SDK finds it.
fn dynamodb_url(region: &str) -> Option<String> {
    let parameters = Params::builder().region(region).build().ok()?;
    let endpoint = DefaultResolver::new().resolve_endpoint(&parameters).now_or_never()?.ok()?;
    Some(endpoint.url().to_owned())
}
