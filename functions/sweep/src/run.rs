//! One run: reads its part of the table to the end, refreshes what is due, one after the other and
//! paced, and counts all that it reads. When refreshing must end early, reading and counting go on.

use std::time::Duration;

use postern::app::App;
use postern::clock::Deadline;
use postern::grant::upkeep::{self, Fate};
use postern::outside::dynamodb::{Reading, Segment, Stored, within};
use postern::telemetry::metrics;
use postern_rules::credential::{Credential, Status};
use postern_rules::error::{Error, Fault};
use postern_rules::user::UserId;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::census::{Census, UNREADABLE};

/// The items of a page: about 250 KB.
const PAGE: u16 = 250;
/// The longest time that one refresh may take. Google's part of it is shorter.
const ONE: Duration = Duration::from_secs(8);
/// The share of a run's time that is kept for reading what is left when no more is refreshed.
const KEPT_FOR_READING: u32 = 5;
/// So many refreshes in a row that fail for a reason that is not the grant's end refreshing. One
/// alone may be of its user, and must not stop the others day after day.
const MOST_FAILURES: usize = 3;
/// So many grants in a row that Google calls dead end a run's refreshing with an error. Google has
/// refused good tokens before, and nobody asks again for the tokens of users who stay away.
const MOST_DEAD: usize = 10;

/// One run, and what came of it so far.
pub(crate) struct Run<'a> {
    app: &'a App,
    unused_for: Duration,
    deadline: Deadline,
    refreshing_until: Deadline,
    pace: Interval,
    census: Census,
    refreshed: usize,
    dead: usize,
    refused: usize,
    broken: usize,
    /// Grants that are due and that nobody could use now, or that another request is refreshing.
    untouched: usize,
    /// Grants that are due and were not refreshed.
    left: usize,
    failures_in_a_row: usize,
    dead_in_a_row: usize,
    /// Why nothing is refreshed any more.
    stopped: Option<Error>,
}

impl<'a> Run<'a> {
    /// A run that refreshes grants that were unused for `unused_for`.
    pub(crate) fn new(app: &'a App, unused_for: Duration, deadline: Deadline) -> Self {
        let refreshing_until = deadline.sooner_by(deadline.remaining() / KEPT_FOR_READING);
        let mut pace = interval(Duration::from_secs(1) / app.config.sweep_refreshes_per_second);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            app,
            unused_for,
            deadline,
            refreshing_until,
            pace,
            census: Census::default(),
            refreshed: 0,
            dead: 0,
            refused: 0,
            broken: 0,
            untouched: 0,
            left: 0,
            failures_in_a_row: 0,
            dead_in_a_row: 0,
            stopped: None,
        }
    }

    /// Reads a part of the table to its end, and does what is due.
    pub(crate) async fn read(&mut self, segment: Segment) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let page = self.app.store.scan(segment, after.as_deref(), PAGE, &Reading::All);
            let page = within(self.deadline, page).await?;
            for stored in &page.items {
                self.look_at(stored).await;
            }
            after = page.after;
            if after.is_none() {
                break;
            }
        }
        match self.stopped.take() {
            Some(error) if !is_of_google(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Does what is due of one item, and counts it as it is then.
    async fn look_at(&mut self, stored: &Stored) {
        let now = self.app.clock.now();
        let credential = match stored.credential() {
            Ok(credential) => credential,
            Err(error) => {
                metrics::count_seal_failure();
                let user = self.pseudonym(stored.user().ok()).await;
                tracing::error!(event = "unreadable_item", user.id = user, error = %error, "an item is passed over");
                return self.census.count(UNREADABLE);
            }
        };
        if self.may_go_on() {
            upkeep::erase_set_aside(self.app, &credential, now, self.deadline).await;
        }
        let is_over = credential.terms().ends_at.is_some_and(|end| end <= now);
        let is_due = credential.status == Status::Active && credential.is_unused_for(self.unused_for, now);
        let fate = if is_due && !is_over { self.refresh(&credential).await } else { None };
        match fate {
            Some(Fate::Refreshed) => {
                let refreshed = Credential { refreshed_at: Some(self.app.clock.now()), ..credential };
                self.census.count_stored(&refreshed, now);
            }
            Some(Fate::Dead) => self.census.count(Status::Revoked.word()),
            _ => self.census.count_stored(&credential, now),
        }
    }

    /// Refreshes a grant in its turn. `None` if that failed, or nothing is refreshed any more.
    async fn refresh(&mut self, credential: &Credential) -> Option<Fate> {
        if self.may_go_on() {
            self.pace.tick().await;
        }
        if !self.may_go_on() {
            self.left += 1;
            return None;
        }
        match upkeep::refresh(self.app, credential, self.deadline.within(ONE)).await {
            Ok(fate) => {
                self.failures_in_a_row = 0;
                match fate {
                    Fate::Refreshed => {
                        self.refreshed += 1;
                        self.dead_in_a_row = 0;
                    }
                    Fate::Dead => {
                        self.dead += 1;
                        self.dead_in_a_row += 1;
                        if self.dead_in_a_row == MOST_DEAD {
                            let many = "Google refused the refresh tokens of ten grants in a row";
                            self.stop(Error::UpstreamRejected(many.into()));
                        }
                    }
                    Fate::Refused => self.refused += 1,
                    Fate::Broken => {
                        self.broken += 1;
                        let user = self.pseudonym(Some(credential.user.clone())).await;
                        tracing::warn!(
                            event = "not_refreshed",
                            user.id = user,
                            "a stored token does not open"
                        );
                    }
                    Fate::Untouched => self.untouched += 1,
                }
                Some(fate)
            }
            Err(error) => {
                self.left += 1;
                self.failures_in_a_row += 1;
                let is_of_all = error.condition().facts().fault == Fault::Operator;
                if is_of_all || self.failures_in_a_row == MOST_FAILURES {
                    self.stop(error);
                }
                None
            }
        }
    }

    /// Refreshes nothing more in this run.
    fn stop(&mut self, error: Error) {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(event = "refreshing_stopped", error = %error, source, "the rest waits for tomorrow");
        self.stopped = Some(error);
    }

    fn may_go_on(&self) -> bool {
        self.stopped.is_none() && !self.refreshing_until.remaining().is_zero()
    }

    async fn pseudonym(&self, user: Option<UserId>) -> Option<String> {
        let keyring = self.app.secrets.keyring().await.ok()?;
        user.map(|user| keyring.pseudonym(&user))
    }

    /// Writes what came of the run as metrics and as one line of the log.
    pub(crate) fn tell(&self, part: i32) {
        let Self { refreshed, dead, refused, broken, untouched, left, .. } = *self;
        let outcomes = [
            ("refreshed", refreshed),
            ("dead", dead),
            ("refused", refused),
            ("broken", broken),
            ("untouched", untouched),
            ("left", left),
        ];
        for (outcome, count) in outcomes.into_iter().filter(|(_, count)| *count > 0) {
            metrics::measure_swept(outcome, count);
        }
        self.census.measure();
        let items = self.census.items();
        // The log shows information of this target alone.
        tracing::info!(target: "postern::sweep", event = "swept", part, items, refreshed, dead, refused, broken, untouched, left, "a part of the table");
    }
}

/// Whether an error means that Google is not available, or too slow.
fn is_of_google(error: &Error) -> bool {
    matches!(
        error.condition(),
        Error::UpstreamUnavailable { .. }
            | Error::UpstreamTimeout { .. }
            | Error::UpstreamMalformed(_)
            | Error::RateLimited(_)
            | Error::QuotaExhausted
            | Error::OutOfTime
    )
}
