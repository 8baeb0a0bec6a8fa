//! The tables of the documentation that are made from the code: docs/errors.md and
//! docs/configuration.md. `POSTERN_WRITE_DOCUMENTS=1 cargo test --test integration documents` writes
//! them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use postern_rules::config::{ConfigError, Default, VARIABLES};
use postern_rules::error::{Error, Fault, Invitation, Reason};
use postern_rules::scopes::Scopes;

/// Replaces what stands between the two markers of a document, or finds it as it should be.
fn compare(document: &str, marker: &str, table: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let marker = format!("<!-- generated: {marker} -->\n");
    let (before, rest) = text.split_once(&marker).expect("the document has the marker");
    let (found, after) = rest.split_once("<!-- end -->").expect("the table has an end");
    #[expect(clippy::disallowed_methods, reason = "whether to write is said where the test is started")]
    if std::env::var("POSTERN_WRITE_DOCUMENTS").is_ok() {
        std::fs::write(&path, format!("{before}{marker}{table}<!-- end -->{after}")).unwrap();
        return;
    }
    assert_eq!(found, table, "{document} does not say what the code does");
}

#[test]
fn the_table_of_configuration_says_what_the_code_reads() {
    let mut table = String::from("| variable | needed | default | meaning |\n|---|---|---|---|\n");
    for variable in VARIABLES {
        let (needed, default) = match variable.default {
            Default::Required => ("yes", String::new()),
            Default::Value(value) => ("no", format!("`{value}`")),
            Default::Described(words) => ("no", words.to_owned()),
            Default::SetByLambda => ("set by Lambda", String::new()),
        };
        table += &format!("| `{}` | {needed} | {default} | {} |\n", variable.name, variable.meaning);
    }
    compare("docs/configuration.md", "configuration", &table);
}

#[test]
fn the_table_of_errors_says_what_the_code_answers() {
    let mut rows: BTreeMap<(&str, u16), (Fault, Vec<&str>)> = BTreeMap::new();
    for error in every_condition() {
        let facts = error.facts();
        let (_, meanings) = rows.entry((facts.code, facts.status)).or_insert((facts.fault, Vec::new()));
        let meaning = general_meaning(&error).unwrap_or(facts.detail);
        if !meanings.contains(&meaning) {
            meanings.push(meaning);
        }
    }
    let mut table = String::from("| code | status | who must act | what it means |\n|---|---|---|---|\n");
    for ((code, status), (fault, meanings)) in rows {
        let who = match fault {
            Fault::Caller => "caller",
            Fault::Upstream => "Google or AWS",
            Fault::Operator => "operator",
        };
        table += &format!("| `{code}` | {status} | {who} | {} |\n", meanings.join(" "));
    }
    compare("docs/errors.md", "errors", &table);
}

/// What stands in the table for a condition whose own text depends on the case.
fn general_meaning(error: &Error) -> Option<&'static str> {
    match error {
        Error::InvalidRequest(_) => {
            Some("Something in the request is not as the contract says; `detail` says what.")
        }
        Error::Config(_) => {
            Some("A configuration variable is missing or unusable; `variable` names it, `detail` says why.")
        }
        Error::Unauthorized { reason: Reason::NotSignedIn | Reason::SessionExpired, .. } => {
            Some("The user must sign in; `reason` says why.")
        }
        Error::Unauthorized { .. } => Some("The user must authorize again; `reason` says why."),
        _ => None,
    }
}

/// One of each condition. A new one does not compile until it is in the list: see the `match`.
fn every_condition() -> Vec<Error> {
    let source = || "an example".into();
    let invitation = Invitation::default;
    let every = vec![
        Error::InvalidRequest(""),
        Error::MalformedEncoding,
        Error::DuplicateParameter,
        Error::UnsupportedParameter,
        Error::TooManyParameters,
        Error::InvalidReturnTo,
        Error::InvalidPageToken,
        Error::InvalidQuery,
        Error::AmbiguousCookie,
        Error::StateMissing,
        Error::StateMismatch,
        Error::StateExpired,
        Error::StateUsed,
        Error::IssuerMismatch,
        Error::NonceMismatch,
        Error::CodeRejected,
        Error::NotFound,
        Error::MethodNotAllowed("GET"),
        Error::UriTooLong,
        Error::UnsupportedMediaType,
        Error::PayloadTooLarge,
        Error::HeadersTooLarge,
        Error::ForbiddenOrigin,
        Error::CsrfHeaderMissing,
        Error::PrefetchRefused,
        Error::ConsentDenied,
        Error::ConsentIncomplete { missing: Scopes::default(), invitation: invitation() },
        Error::BlockedByAdmin,
        Error::OrgInternal,
        Error::DisallowedUserAgent,
        Error::ProviderError,
        Error::AccountMismatch,
        Error::DomainNotAllowed,
        Error::unauthorized(Reason::NotSignedIn),
        Error::unauthorized(Reason::NotConnected),
        Error::InsufficientScope {
            missing: Scopes::default(),
            has_metadata: false,
            invitation: invitation(),
        },
        Error::InsufficientScope { missing: Scopes::default(), has_metadata: true, invitation: invitation() },
        Error::MailNotEnabled,
        Error::DomainPolicy,
        Error::RateLimited(1),
        Error::QuotaExhausted,
        Error::Config(ConfigError::missing("")),
        Error::GmailNotEnabled,
        Error::GoogleSetup(source()),
        Error::StorageUnavailable(source()),
        Error::CredentialUnreadable(source()),
        Error::SecretsUnavailable(source()),
        Error::OutOfTime,
        Error::UpstreamUnavailable { retry_after: 1, source: source() },
        Error::ExchangeFailed { invitation: invitation(), source: source() },
        Error::UpstreamTimeout { invitation: None, source: source() },
        Error::UpstreamMalformed(source()),
        Error::UpstreamRejected(source()),
        Error::IdentityUnavailable,
        Error::IdentityInvalid,
        Error::IdentityMismatch,
        Error::NoRefreshToken(invitation()),
        Error::Internal,
    ];
    for error in &every {
        // Without `_`: a condition that is added must be added here, and above.
        match error {
            Error::InvalidRequest(_)
            | Error::MalformedEncoding
            | Error::DuplicateParameter
            | Error::UnsupportedParameter
            | Error::TooManyParameters
            | Error::InvalidReturnTo
            | Error::InvalidPageToken
            | Error::InvalidQuery
            | Error::AmbiguousCookie
            | Error::StateMissing
            | Error::StateMismatch
            | Error::StateExpired
            | Error::StateUsed
            | Error::IssuerMismatch
            | Error::NonceMismatch
            | Error::CodeRejected
            | Error::NotFound
            | Error::MethodNotAllowed(_)
            | Error::UriTooLong
            | Error::UnsupportedMediaType
            | Error::PayloadTooLarge
            | Error::HeadersTooLarge
            | Error::ForbiddenOrigin
            | Error::CsrfHeaderMissing
            | Error::PrefetchRefused
            | Error::ConsentDenied
            | Error::ConsentIncomplete { .. }
            | Error::BlockedByAdmin
            | Error::OrgInternal
            | Error::DisallowedUserAgent
            | Error::ProviderError
            | Error::AccountMismatch
            | Error::DomainNotAllowed
            | Error::Unauthorized { .. }
            | Error::InsufficientScope { .. }
            | Error::MailNotEnabled
            | Error::DomainPolicy
            | Error::RateLimited(_)
            | Error::QuotaExhausted
            | Error::Config(_)
            | Error::GmailNotEnabled
            | Error::GoogleSetup(_)
            | Error::StorageUnavailable(_)
            | Error::CredentialUnreadable(_)
            | Error::SecretsUnavailable(_)
            // Tells what the condition in it is.
            | Error::Deferred { .. }
            | Error::OutOfTime
            | Error::UpstreamUnavailable { .. }
            | Error::ExchangeFailed { .. }
            | Error::UpstreamTimeout { .. }
            | Error::UpstreamMalformed(_)
            | Error::UpstreamRejected(_)
            | Error::IdentityUnavailable
            | Error::IdentityInvalid
            | Error::IdentityMismatch
            | Error::NoRefreshToken(_)
            | Error::Internal => {}
        }
    }
    every
}
