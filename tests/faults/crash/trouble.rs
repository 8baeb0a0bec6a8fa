//! The faults that can coincide with the death of a process, by the calls that they affect.

use std::time::Duration;

use harness::google::{Endpoint, Failure, Rotation, Times};
use harness::{Fault, Stack};

/// A fault and what it may cause.
pub(super) struct Trouble {
    /// For the message of a failed assertion.
    pub(super) name: String,
    /// Whether Google may answer `invalid_grant` to the stored refresh token.
    pub(super) ends_grant: bool,
    /// Whether a call can have an effect that its answer does not show. Then the process also dies
    /// before and after each call.
    pub(super) is_torn: bool,
    /// Whether Google replaces the refresh token, and what becomes of the old one.
    pub(super) rotation: Rotation,
    /// The time that the request gets.
    pub(super) budget: Duration,
    arrange: Box<dyn Fn(&Stack)>,
}

impl Trouble {
    fn new(name: String, arrange: impl Fn(&Stack) + 'static) -> Self {
        // Too little for a retry after a second or more: no kill point is in that wait.
        let budget = Duration::from_millis(1500);
        let arrange = Box::new(arrange);
        Self { name, ends_grant: false, is_torn: false, rotation: Rotation::Off, budget, arrange }
    }

    fn with_time_for_a_retry(mut self) -> Self {
        self.budget = Duration::from_millis(2500);
        self.name.push_str(", repeated");
        self
    }

    /// Makes the fault happen.
    pub(super) fn arrange(&self, stack: &Stack) {
        (self.arrange)(stack);
    }
}

/// No fault but the death itself.
pub(super) fn none() -> Trouble {
    Trouble { is_torn: true, ..Trouble::new("nothing else".to_owned(), |_| {}) }
}

/// A fault of a back end that the test makes happen itself.
pub(super) fn of_another(name: String, is_torn: bool) -> Trouble {
    Trouble { is_torn, ..Trouble::new(name, |_| {}) }
}

/// Faults of the token endpoint. In a refresh, some of them end the grant.
pub(super) fn of_the_token_endpoint(is_refresh: bool) -> Vec<Trouble> {
    let (once, lasting) = (Times::Next(1), Times::UntilCleared);
    let refusal =
        |status, error: &str| Failure::OAuth { status, error: error.to_owned(), description: String::new() };
    let failures = [
        (refusal(403, "org_internal"), once),
        (refusal(401, "deleted_client"), once),
        (refusal(400, "unauthorized_client"), once),
        (refusal(400, "redirect_uri_mismatch"), once),
        (refusal(400, "something_new"), once),
        (refusal(400, "temporarily_unavailable"), once),
        (Failure::Redirect("https://evil.example/".to_owned()), once),
        (Failure::CutBody, once),
        (Failure::InvalidGrant, once),
        (Failure::InvalidRapt, once),
        (Failure::InvalidClient, once),
        (Failure::InvalidClient, lasting),
        (Failure::AdminPolicyEnforced, once),
        (Failure::Status(429), once),
        (Failure::Status(500), once),
        (Failure::Status(503), lasting),
        (Failure::NotJson, once),
        (Failure::ErrorWithinSuccess, once),
        (Failure::TruncatedJson, once),
        (Failure::ResetAfterReading, once),
        (Failure::ResetAfterReading, lasting),
        (Failure::LoseAnswer, once),
        (Failure::Slow(Duration::from_millis(30)), once),
    ];
    let trouble = |(failure, times): (Failure, Times)| {
        let ends_grant = is_refresh && failure == Failure::InvalidGrant;
        let is_torn = matches!(failure, Failure::LoseAnswer | Failure::TruncatedJson | Failure::Slow(_));
        let trouble = Trouble::new(format!("token endpoint, {times:?}: {failure:?}"), move |stack| {
            stack.google.fail(Endpoint::Token, failure.clone(), times);
        });
        Trouble { ends_grant, is_torn, ..trouble }
    };
    let mut troubles: Vec<_> = failures.into_iter().map(trouble).collect();
    let passing = Trouble::new("token endpoint: 503 once".to_owned(), |stack| {
        stack.google.fail(Endpoint::Token, Failure::Status(503), Times::Next(1));
    });
    troubles.push(passing.with_time_for_a_retry());
    troubles
}

/// Rotation of refresh tokens, with what can go wrong at that moment.
pub(super) fn of_rotation() -> Vec<Trouble> {
    let mut troubles = Vec::new();
    for rotation in [Rotation::OldStillWorks, Rotation::OldDies, Rotation::ReuseEndsFamily] {
        let mut add = |name: &str, more: fn(&Stack)| {
            let trouble = Trouble::new(format!("{rotation:?} with {name}"), move |stack| {
                stack.google.rotate_refresh_tokens(rotation);
                more(stack);
            });
            // The first attempt ended the token although its answer was lost; a second attempt uses
            // it again.
            let ends_grant = rotation != Rotation::OldStillWorks;
            troubles.push(Trouble { ends_grant, is_torn: true, rotation, ..trouble });
        };
        add("nothing else", |_| {});
        add("a lost answer", |stack| stack.google.fail_refresh(Failure::LoseAnswer, Times::Next(1)));
        add("a truncated answer", |stack| stack.google.fail_refresh(Failure::TruncatedJson, Times::Next(1)));
        add("a cut body", |stack| stack.google.fail_refresh(Failure::CutBody, Times::Next(1)));
        add("lost answers of writes", |stack| stack.dynamodb.fail("UpdateItem", Fault::AnswerLost, 2));
        add("lost writes", |stack| stack.dynamodb.fail("UpdateItem", Fault::CallLost, 2));
        add("a list refused at first", |stack| {
            stack.google.fail(Endpoint::MessagesList, Failure::InvalidCredentials, Times::Next(1));
        });
    }
    troubles
}

/// Members that Google's answers lack.
pub(super) fn of_omission() -> Vec<Trouble> {
    vec![
        Trouble::new("no refresh token".to_owned(), |stack| stack.google.omit_refresh_token(Times::Next(1))),
        Trouble::new("no ID token".to_owned(), |stack| stack.google.omit_id_token(Times::Next(1))),
        Trouble::new("no ID token and no user info".to_owned(), |stack| {
            stack.google.omit_id_token(Times::Next(1));
            stack.google.fail(Endpoint::UserInfo, Failure::Status(403), Times::UntilCleared);
        }),
    ]
}

/// Faults of the Gmail API.
pub(super) fn of_gmail() -> Vec<Trouble> {
    let failures = [
        Failure::InvalidCredentials,
        Failure::InsufficientScope,
        Failure::DomainPolicy,
        Failure::DailyLimit,
        Failure::ServiceDisabled,
        Failure::MailNotEnabled,
        Failure::NotFound,
        Failure::NotJson,
        Failure::TruncatedJson,
        Failure::Status(503),
        Failure::ResetAfterReading,
    ];
    let trouble = |failure: Failure| {
        Trouble::new(format!("Gmail: {failure:?}"), move |stack| {
            stack.google.fail(Endpoint::MessagesList, failure.clone(), Times::Next(1));
        })
    };
    failures.map(trouble).into()
}

/// Faults of the revocation endpoint.
pub(super) fn of_revocation() -> Vec<Trouble> {
    let (once, lasting) = (Times::Next(1), Times::UntilCleared);
    let failures = [
        (Failure::oauth(400, "invalid_token"), once),
        (Failure::oauth(400, "invalid_request"), once),
        (Failure::Redirect("https://evil.example/".to_owned()), once),
        (Failure::Status(429), once),
        (Failure::Status(500), once),
        (Failure::Status(503), lasting),
        (Failure::NotJson, once),
        (Failure::ErrorWithinSuccess, once),
        (Failure::TruncatedJson, once),
        (Failure::CutBody, once),
        (Failure::ResetAfterReading, lasting),
        (Failure::LoseAnswer, once),
        (Failure::LoseAnswer, lasting),
        (Failure::Slow(Duration::from_millis(30)), once),
    ];
    let trouble = |(failure, times): (Failure, Times)| {
        let is_torn = matches!(failure, Failure::LoseAnswer | Failure::CutBody | Failure::Slow(_));
        // Google says that it does not know the token, and yet it is alive.
        let ends_grant = failure == Failure::oauth(400, "invalid_token");
        let trouble = Trouble::new(format!("revocation, {times:?}: {failure:?}"), move |stack| {
            stack.google.fail(Endpoint::Revoke, failure.clone(), times);
        });
        Trouble { ends_grant, is_torn, ..trouble }
    };
    failures.map(trouble).into()
}

/// Faults of a service of AWS, and how many calls each affects.
pub(super) fn faults_of_aws() -> [(Fault, usize); 8] {
    [
        (Fault::THROTTLED, 1),
        (Fault::BROKEN, 1),
        (Fault::BROKEN, 100),
        (Fault::DENIED, 1),
        (Fault::CallLost, 1),
        (Fault::AnswerLost, 1),
        (Fault::AnswerLost, 100),
        (Fault::Delay(Duration::from_millis(20)), 100),
    ]
}

/// Faults of DynamoDB in these operations.
pub(super) fn of_dynamodb(operations: &[&'static str]) -> Vec<Trouble> {
    let spoil = |operation: &'static str| {
        faults_of_aws().map(|(fault, times)| {
            let is_torn = matches!(fault, Fault::AnswerLost);
            let trouble = Trouble::new(format!("{operation}, {times} times: {fault:?}"), move |stack| {
                stack.dynamodb.fail(operation, fault.clone(), times);
            });
            Trouble { is_torn, ..trouble }
        })
    };
    operations.iter().flat_map(|operation| spoil(operation)).collect()
}

/// Faults of DynamoDB while a grant is marked as revoked.
pub(super) fn of_burial() -> Vec<Trouble> {
    let faults = [Fault::BROKEN, Fault::CallLost, Fault::AnswerLost];
    let spoil = |fault: Fault| {
        let trouble = Trouble::new(format!("invalid_grant and GetItem: {fault:?}"), move |stack| {
            stack.google.fail_refresh(Failure::InvalidGrant, Times::UntilCleared);
            stack.dynamodb.fail("GetItem", fault.clone(), 1);
        });
        Trouble { ends_grant: true, is_torn: true, ..trouble }
    };
    faults.map(spoil).into()
}

/// A fault of the endpoint that publishes Google's keys.
pub(super) fn of_keys(failure: Failure, times: Times) -> Trouble {
    Trouble::new(format!("keys, {times:?}: {failure:?}"), move |stack| {
        stack.google.fail(Endpoint::Certificates, failure.clone(), times);
    })
}

/// Faults of Secrets Manager.
pub(super) fn of_secrets() -> Vec<Trouble> {
    let faults = [
        (Fault::THROTTLED, 1),
        (Fault::BROKEN, 100),
        (Fault::DENIED, 1),
        (Fault::CallLost, 1),
        (Fault::AnswerLost, 1),
        (Fault::Delay(Duration::from_millis(20)), 100),
    ];
    let trouble = |(fault, times): (Fault, usize)| {
        Trouble::new(format!("a read of secrets, {times} times: {fault:?}"), move |stack| {
            for operation in ["BatchGetSecretValue", "GetSecretValue"] {
                stack.secrets.fail(operation, fault.clone(), times);
            }
        })
    };
    faults.map(trouble).into()
}
