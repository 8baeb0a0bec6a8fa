//! The tables of the documentation that are made from the code: docs/errors.md and
//! docs/configuration.md. `POSTERN_WRITE_DOCUMENTS=1 cargo test --test integration documents` writes
//! them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use postern_rules::config::{ConfigError, Default, VARIABLES};
use postern_rules::error::{Error, Fault, Invitation, Reason, Source};
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
    for (found, expected) in found.lines().zip(table.lines()) {
        assert_eq!(found, expected, "{document} does not say what the code does");
    }
    assert_eq!(found.lines().count(), table.lines().count(), "{document} has other rows than the code");
}

#[test]
fn the_table_of_configuration_says_what_the_code_reads() {
    let rows = VARIABLES.iter().map(|variable| {
        let (needed, default) = match variable.default {
            Default::Required => ("yes", String::new()),
            Default::Value(value) => ("no", format!("`{value}`")),
            Default::Described(words) => ("no", words.to_owned()),
            Default::SetByLambda => ("set by Lambda", String::new()),
        };
        format!("| `{}` | {needed} | {default} | {} |\n", variable.name, variable.meaning)
    });
    let head = "| variable | needed | default | meaning |\n|---|---|---|---|\n".to_owned();
    compare("docs/configuration.md", "configuration", &(head + &rows.collect::<String>()));
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
    let rows = rows.into_iter().map(|((code, status), (fault, meanings))| {
        let who = match fault {
            Fault::Caller => "caller",
            Fault::Upstream => "Google or AWS",
            Fault::Operator => "operator",
        };
        format!("| `{code}` | {status} | {who} | {} |\n", meanings.join(" "))
    });
    let head = "| code | status | who must act | what it means |\n|---|---|---|---|\n".to_owned();
    compare("docs/errors.md", "errors", &(head + &rows.collect::<String>()));
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

/// Every condition by its name; one that is left out does not compile. Those that carry something
/// have an example, or several.
macro_rules! conditions {
    (plain: $($plain:ident)*; with: $($pattern:pat => [$($example:expr),*])*) => {
        pub(crate) fn every_condition() -> Vec<Error> {
            match Error::Internal {
                $(Error::$plain => {})*
                $($pattern => {})*
            }
            vec![$($($example,)*)* $(Error::$plain,)*]
        }
    };
}

conditions! {
    plain:
        MalformedEncoding DuplicateParameter UnsupportedParameter TooManyParameters
        InvalidReturnTo InvalidPageToken InvalidQuery AmbiguousCookie
        StateMissing StateMismatch StateExpired StateUsed
        IssuerMismatch NonceMismatch CodeRejected NotFound
        UriTooLong UnsupportedMediaType PayloadTooLarge HeadersTooLarge
        ForbiddenOrigin CsrfHeaderMissing PrefetchRefused ConsentDenied
        BlockedByAdmin OrgInternal DisallowedUserAgent ProviderError
        AccountMismatch DomainNotAllowed MailNotEnabled DomainPolicy
        MessageNotFound MessageTooLarge ConnectionNotFound
        QuotaExhausted GmailNotEnabled OutOfTime IdentityUnavailable
        InvalidRedirectUri UnsupportedResponseType UnsupportedGrantType InvalidGrant InvalidReceipt
        IdentityInvalid IdentityMismatch Internal;
    with:
        Error::InvalidRequest(_) => [Error::InvalidRequest("")]
        Error::MethodNotAllowed(_) => [Error::MethodNotAllowed("GET")]
        Error::ConsentIncomplete { .. } => [Error::ConsentIncomplete { missing: none(), invitation: nobody() }]
        Error::Unauthorized { .. } => [
            Error::unauthorized(Reason::NotSignedIn),
            Error::unauthorized(Reason::NotConnected)
        ]
        Error::InsufficientScope { .. } => [
            Error::InsufficientScope { missing: none(), has_metadata: false, invitation: nobody() },
            Error::InsufficientScope { missing: none(), has_metadata: true, invitation: nobody() }
        ]
        Error::RateLimited(_) => [Error::RateLimited(1)]
        Error::Config(_) => [Error::Config(ConfigError::missing(""))]
        Error::GoogleSetup(_) => [Error::GoogleSetup(source())]
        Error::StorageUnavailable(_) => [Error::StorageUnavailable(source())]
        Error::CredentialUnreadable(_) => [Error::CredentialUnreadable(source())]
        Error::SecretsUnavailable(_) => [Error::SecretsUnavailable(source())]
        // Its facts are those of the condition in it.
        Error::Deferred { .. } => []
        Error::UpstreamUnavailable { .. } => [Error::UpstreamUnavailable { retry_after: 1, source: source() }]
        Error::ExchangeFailed { .. } => [Error::ExchangeFailed { invitation: nobody(), source: source() }]
        Error::UpstreamTimeout { .. } => [Error::UpstreamTimeout { invitation: None, source: source() }]
        Error::UpstreamMalformed(_) => [Error::UpstreamMalformed(source())]
        Error::UpstreamRejected(_) => [Error::UpstreamRejected(source())]
        Error::NoRefreshToken(_) => [Error::NoRefreshToken(nobody())]
}

fn source() -> Source {
    "an example".into()
}

fn none() -> Scopes {
    Scopes::default()
}

fn nobody() -> Invitation {
    Invitation::default()
}
