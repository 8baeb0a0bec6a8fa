//! Answers that Google really gives, and our verdict on each, one line each. The bodies are in the
//! harness.

mod asked_again;
mod metadata;

use Endpoint::{MessagesList, Token, UserInfo};
use futures_util::future::join_all;
use harness::google::recorded as body;
use harness::google::{Endpoint, Failure, Times};
use harness::world::{ANN, World, parameter};

const JSON: (&str, &str) = ("content-type", "application/json; charset=UTF-8");
const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");
const SORRY_PAGE: &str = "https://www.google.com/sorry/index?continue=https://gmail.googleapis.com/";

/// Our answer: the status, the code (or the reason of a 401) and `Retry-After`.
type Verdict = (i64, &'static str, Option<&'static str>);

/// One line: the answer that Google keeps giving, the verdict, and the calls to Google.
struct Line {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
    verdict: Verdict,
    calls: Vec<Endpoint>,
}

fn line(status: u16, body: &str, verdict: Verdict, calls: &[Endpoint]) -> Line {
    Line { status, headers: vec![JSON], body: body.to_owned(), verdict, calls: calls.to_vec() }
}

/// A line with only these headers.
fn with_headers(headers: &[(&'static str, &'static str)], line: Line) -> Line {
    Line { headers: headers.to_vec(), ..line }
}

fn page(status: u16, verdict: Verdict, calls: &[Endpoint]) -> Line {
    with_headers(&[HTML], line(status, body::SORRY, verdict, calls))
}

fn redirect(location: &'static str, verdict: Verdict, calls: &[Endpoint]) -> Line {
    with_headers(&[HTML, ("location", location)], line(302, "", verdict, calls))
}

impl Line {
    fn failure(&self) -> Failure {
        let headers = self.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Failure::Answer { status: self.status, headers: headers.collect(), body: self.body.clone() }
    }

    /// What is wrong with the verdict on this line, if anything. `spoil` applies the failure to a
    /// world whose access token is `fresh` or expired.
    async fn complaint(&self, fresh: bool, spoil: impl Fn(&World, Failure)) -> Option<String> {
        let world = World::signed_in().await;
        if !fresh {
            world.advance(3600);
        }
        let before = world.kept(ANN);
        world.forget_calls();
        spoil(&world, self.failure());
        let answer = world.messages("").await;
        let document = answer.json();
        let code = document["reason"].as_str().or(document["code"].as_str()).unwrap_or_default();
        let retry_after = answer.headers.get("retry-after").map(String::as_str);
        let found = (answer.status, code, retry_after);
        let calls = world.google_calls();
        let as_said = found == self.verdict && calls == self.calls && world.kept(ANN) == before;
        (!as_said).then(|| format!("{} {:.90}\n   {found:?} after {calls:?}", self.status, self.body))
    }
}

/// Tests each line of Gmail in a world of its own.
async fn gmail(lines: &[Line]) {
    let spoil = |world: &World, failure| world.google.fail(MessagesList, failure, Times::UntilCleared);
    none(join_all(lines.iter().map(|line| line.complaint(true, spoil))).await);
}

/// Tests each line of the token endpoint with a refresh.
async fn refresh(lines: &[Line]) {
    let spoil = |world: &World, failure| world.google.fail_refresh(failure, Times::UntilCleared);
    none(join_all(lines.iter().map(|line| line.complaint(false, spoil))).await);
}

fn none(complaints: Vec<Option<String>>) {
    let complaints: Vec<String> = complaints.into_iter().flatten().collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

const UNAVAILABLE: Verdict = (503, "upstream_unavailable", Some("5"));
const ONCE: &[Endpoint] = &[MessagesList];
const THRICE: &[Endpoint] = &[MessagesList; 3];

#[tokio::test]
async fn f39_f79_a_precondition_passes_unless_it_is_that_there_is_no_mailbox() {
    let none = (403, "mail_not_enabled", None);
    gmail(&[
        line(400, body::MAIL_NOT_ENABLED, none, ONCE),
        line(400, &body::MAIL_NOT_ENABLED.replace("Mail service not", "MAIL SERVICE NOT"), none, ONCE),
        line(400, body::PRECONDITION, UNAVAILABLE, THRICE),
    ])
    .await;
}

#[tokio::test]
async fn f79_a_precondition_that_failed_once_costs_the_caller_nothing() {
    let world = World::signed_in().await;
    let failure = line(400, body::PRECONDITION, UNAVAILABLE, &[]).failure();
    world.google.fail(MessagesList, failure, 1);
    world.lists().await;
    assert_eq!(world.google_calls(), [MessagesList; 2]);
}

#[tokio::test]
async fn f80_a_rate_limit_whose_message_has_the_time_is_not_tried_before_it() {
    // It is 02:26:40.
    let lines = [
        (403, "2026-11-01T02:28:10.000Z", "90"),
        (429, "2026-11-01T02:28:10.200Z", "91"),
        (403, "2026-11-01T02:28:10.961Z (Mail sending)", "91"),
        (403, "2026-11-01T03:28:10+01:00", "90"),
        (403, "2026-11-01T02:26:40.001Z", "1"),
        (403, "2026-11-01T04:00:00Z", "3600"),
        (403, "2026-11-01T02:26:40Z", "60"),
        (403, "2026-10-31T02:26:40Z", "60"),
        (403, "2026-11-01T02:68:10Z", "60"),
        (403, "a while", "60"),
    ];
    gmail(&lines.map(|(status, when, seconds)| {
        line(status, &body::user_rate_limit(when), (429, "rate_limited", Some(seconds)), ONCE)
    }))
    .await;
}

#[tokio::test]
async fn f81_a_quota_of_a_minute_is_there_again_with_the_next_one() {
    let next_minute = (429, "rate_limited", Some("20"));
    gmail(&[
        line(403, body::MINUTE_QUOTA, next_minute, ONCE),
        line(429, body::MINUTE_QUOTA, next_minute, ONCE),
        line(429, body::MINUTE_QUOTA_DETAILS, next_minute, ONCE),
        line(403, body::MINUTE_QUOTA_DETAILS, next_minute, ONCE),
    ])
    .await;
}

#[tokio::test]
async fn f42_f47_another_rate_limit_is_tried_again_within_the_budget_and_a_header_counts_first() {
    let patience = |seconds| (429, "rate_limited", Some(seconds));
    let header =
        |body: &str| with_headers(&[JSON, ("retry-after", "33")], line(429, body, patience("33"), ONCE));
    gmail(&[
        line(429, body::CONCURRENT, patience("5"), THRICE),
        line(429, body::EXHAUSTED, patience("5"), THRICE),
        line(403, body::USER_RATE, patience("5"), THRICE),
        line(429, "not JSON", patience("5"), THRICE),
        header(body::CONCURRENT),
        header(body::MINUTE_QUOTA),
        header(&body::user_rate_limit("2026-11-01T02:28:10Z")),
    ])
    .await;
}

#[tokio::test]
async fn f43_f85_a_daily_limit_is_the_projects_unless_google_saw_no_token() {
    let ended = (401, "revoked_or_expired", None);
    let exhausted = (503, "quota_exhausted", Some("3600"));
    gmail(&[
        line(403, body::DAILY_LIMIT, exhausted, ONCE),
        line(429, body::DAILY_LIMIT, exhausted, ONCE),
        line(403, body::DAILY_LIMIT_UNREGISTERED, ended, &[MessagesList, Token, MessagesList]),
    ])
    .await;
}

#[tokio::test]
async fn f85_a_token_that_google_did_not_see_once_is_renewed() {
    let world = World::signed_in().await;
    let failure = line(403, body::DAILY_LIMIT_UNREGISTERED, UNAVAILABLE, &[]).failure();
    world.google.fail(MessagesList, failure, 1);
    world.forget_calls();
    world.lists().await;
    assert_eq!(world.google_calls(), [MessagesList, Token, MessagesList]);
}

#[tokio::test]
async fn f44_to_f46_f83_what_an_operator_or_an_administrator_must_repair_is_not_tried_again() {
    let operators = (503, "config_error", Some("60"));
    gmail(&[
        line(403, body::PROJECT_DELETED, operators, ONCE),
        line(403, body::PROJECT_SUSPENDED, operators, ONCE),
        line(403, body::API_DISABLED, operators, ONCE),
        line(403, body::NO_APIS, (403, "domain_policy", None), ONCE),
        line(403, "not JSON", (502, "upstream_rejected", None), ONCE),
        line(403, r#"{"error":"forbidden"}"#, (502, "upstream_rejected", None), ONCE),
    ])
    .await;
}

#[tokio::test]
async fn f84_a63_a_page_for_people_means_unavailable_and_other_redirects_mean_nothing() {
    let malformed = (502, "upstream_malformed", None);
    let patience = (503, "upstream_unavailable", Some("33"));
    gmail(&[
        page(403, UNAVAILABLE, THRICE),
        page(429, UNAVAILABLE, THRICE),
        page(503, UNAVAILABLE, THRICE),
        with_headers(&[HTML, ("retry-after", "33")], page(429, patience, ONCE)),
        redirect(SORRY_PAGE, UNAVAILABLE, THRICE),
        redirect("https://sorry.google.com/sorry?continue=x", UNAVAILABLE, THRICE),
        redirect("https://google.com.evil.example/sorry/", malformed, ONCE),
        redirect("https://notgoogle.com/sorry/", malformed, ONCE),
        redirect("https://www.google.com/sorryful", malformed, ONCE),
        redirect("http://www.google.com/sorry/", malformed, ONCE),
        redirect("/sorry/index", malformed, ONCE),
        page(200, malformed, ONCE),
    ])
    .await;
}

#[tokio::test]
async fn f84_a63_f26_what_the_token_endpoint_says_to_a_refresh() {
    // The next attempt is due in a second, for any answer (F89).
    let unavailable = (503, "upstream_unavailable", Some("1"));
    let blocked = (403, "blocked_by_admin", Some("1"));
    let malformed = (502, "upstream_malformed", Some("1"));
    let (once, thrice) = (&[Token][..], &[Token; 3][..]);
    refresh(&[
        page(403, unavailable, thrice),
        page(429, unavailable, thrice),
        line(429, "not JSON", unavailable, thrice),
        line(429, &body::oauth("rate_limit_exceeded"), unavailable, thrice),
        redirect(SORRY_PAGE, unavailable, thrice),
        redirect("https://accounts.google.com/", malformed, once),
        line(400, &body::oauth("policy_enforced"), blocked, once),
        line(400, &body::oauth("admin_policy_enforced"), blocked, once),
        line(400, &body::oauth("access_denied"), blocked, once),
    ])
    .await;
}

#[tokio::test]
async fn f84_f26_what_the_token_endpoint_says_to_an_exchange() {
    let lines = [
        (page(403, UNAVAILABLE, &[Token; 2]), "upstream_unavailable"),
        (page(429, UNAVAILABLE, &[Token; 2]), "upstream_unavailable"),
        (line(429, "not JSON", UNAVAILABLE, &[Token; 2]), "upstream_unavailable"),
        (redirect(SORRY_PAGE, UNAVAILABLE, &[Token; 2]), "upstream_unavailable"),
        (redirect("https://accounts.google.com/", UNAVAILABLE, &[Token]), "upstream_malformed"),
        (line(400, &body::oauth("policy_enforced"), UNAVAILABLE, &[Token]), "blocked_by_admin"),
        (line(403, &body::oauth("org_internal"), UNAVAILABLE, &[Token]), "org_internal"),
    ];
    for (line, code) in lines {
        let mut world = World::signed_in().await;
        let before = world.kept(ANN);
        world.google.fail_exchange(line.failure(), Times::UntilCleared);
        let query = world.consented(ANN).await;
        world.forget_calls();
        assert_eq!(world.callback(&query).await.auth_error(), code, "{:?}", line.failure());
        assert_eq!(world.google_calls(), line.calls, "{:?}", line.failure());
        assert_eq!(world.kept(ANN), before);
    }
}

/// A sign-in without an ID token, where UserInfo gives this answer. Returns the error and how often
/// UserInfo was called.
async fn user_info(line: &Line, times: impl Into<Times>) -> (Option<String>, usize) {
    let mut world = World::new().await;
    world.google.omit_id_token(1);
    world.google.fail(UserInfo, line.failure(), times);
    let answer = world.attempt(ANN).await;
    (parameter(answer.location(), "auth_error"), world.google.calls_to(UserInfo).len())
}

#[tokio::test]
async fn f14_f15_f84_what_user_info_says_is_sorted_as_what_gmail_says() {
    let lines = [
        (line(429, body::EXHAUSTED, UNAVAILABLE, &[]), "upstream_unavailable", 3),
        (line(403, body::MINUTE_QUOTA, UNAVAILABLE, &[]), "upstream_unavailable", 3),
        (line(403, body::USER_RATE, UNAVAILABLE, &[]), "upstream_unavailable", 3),
        (page(429, UNAVAILABLE, &[]), "upstream_unavailable", 3),
        (page(403, UNAVAILABLE, &[]), "upstream_unavailable", 3),
        (redirect(SORRY_PAGE, UNAVAILABLE, &[]), "upstream_unavailable", 3),
        (redirect("https://accounts.google.com/", UNAVAILABLE, &[]), "upstream_malformed", 1),
        (line(403, body::API_DISABLED, UNAVAILABLE, &[]), "config_error", 1),
        (line(403, body::PROJECT_SUSPENDED, UNAVAILABLE, &[]), "config_error", 1),
        (line(401, body::CREDENTIAL_MISSING, UNAVAILABLE, &[]), "identity_unavailable", 1),
        (line(403, "not JSON", UNAVAILABLE, &[]), "identity_unavailable", 1),
    ];
    none(
        join_all(lines.iter().map(|(line, code, calls)| async move {
            let found = user_info(line, Times::UntilCleared).await;
            let as_said = found == (Some((*code).to_owned()), *calls);
            (!as_said).then(|| format!("{} {:.90}\n   {found:?}", line.status, line.body))
        }))
        .await,
    );
}

#[tokio::test]
async fn f14_a_rate_limit_of_user_info_is_waited_out() {
    for limit in [line(429, body::CONCURRENT, UNAVAILABLE, &[]), line(403, body::USER_RATE, UNAVAILABLE, &[])]
    {
        assert_eq!(user_info(&limit, 1).await, (None, 2));
    }
}
