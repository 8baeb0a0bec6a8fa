//! Gets what a list shows of many messages, through Gmail's batch endpoint. Each message has its
//! own outcome, so that one that fails does not take the others with it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use postern_rules::error::Error;
use postern_rules::mail::{MessageId, Summary};
use postern_rules::secret::AccessToken;
use reqwest::header::CONTENT_TYPE;

use super::super::{CONNECT_TIMEOUT, Failure, RETRIES, Repeatable, Trouble};
use super::message::{read_summary, summary_path};
use super::{GmailError, Google, multipart};
use crate::clock::Deadline;
use crate::outside::http::Answer;
use crate::telemetry::metrics;

/// Messages of one call. Gmail runs the parts of a batch at the same time and refuses some of a
/// larger one: "Too many concurrent requests for user".
const AT_ONCE: usize = 25;
/// After a refusal.
const AT_ONCE_AFTER_A_REFUSAL: usize = 10;
/// The most bytes of an answer. A message has about 2 KiB.
const LIMIT: usize = 8 * 1024 * 1024;

/// Messages to get, and what is known of them so far. If the access token is refused, the work goes
/// on with a new one.
pub struct Gathering {
    /// The messages that are still to be got.
    left: VecDeque<Asked>,
    /// What was got, by position.
    summaries: BTreeMap<usize, Summary>,
    failures: Vec<Failed>,
    at_once: usize,
    retry: u32,
}

/// A message to get, and its position in the list.
#[derive(Clone)]
struct Asked {
    position: usize,
    id: MessageId,
}

/// Messages that could not be got, all for one reason.
struct Failed {
    positions: Vec<usize>,
    error: GmailError,
    /// Whether a whole call failed, and not the part of one message.
    is_of_a_call: bool,
}

impl Gathering {
    /// Nothing is known of these messages yet. One whose ID has another form fails: it must not get
    /// into a request.
    pub fn of<'i>(ids: impl IntoIterator<Item = &'i str>) -> Self {
        let mut gathering = Self {
            left: VecDeque::new(),
            summaries: BTreeMap::new(),
            failures: Vec::new(),
            at_once: AT_ONCE,
            retry: 0,
        };
        for (position, id) in ids.into_iter().enumerate() {
            match MessageId::parse(id) {
                Some(id) => gathering.left.push_back(Asked { position, id }),
                None => gathering.fail(position, GmailError::Trouble(Trouble::Malformed { status: 200 })),
            }
        }
        gathering
    }

    /// The outcome of each message, by its position: what a list shows, or the code of the error.
    /// Messages that do not exist any more have none. `meaning` is what the caller is told.
    ///
    /// # Errors
    ///
    /// Only if no message could be got and the reason is not one of a single message: it concerns
    /// the caller, the quota or a whole call.
    pub fn finish(
        self,
        meaning: impl Fn(GmailError) -> Error,
    ) -> Result<BTreeMap<usize, Result<Summary, &'static str>>, Error> {
        let has_none = self.summaries.is_empty();
        let mut outcomes: BTreeMap<_, _> =
            self.summaries.into_iter().map(|(position, summary)| (position, Ok(summary))).collect();
        let failures = self.failures.into_iter();
        let failures = failures.map(|one| (one.positions, meaning(one.error), one.is_of_a_call));
        let left: Vec<usize> = self.left.iter().map(|asked| asked.position).collect();
        let out_of_time = (!left.is_empty()).then_some((left, Error::OutOfTime, true));
        let mut general = None;
        for (positions, error, is_of_a_call) in failures.chain(out_of_time) {
            let facts = error.facts();
            outcomes.extend(positions.into_iter().map(|position| (position, Err(facts.code))));
            if is_of_a_call || facts.status < 500 {
                general.get_or_insert(error);
            }
        }
        match general {
            Some(error) if has_none => Err(error),
            _ => Ok(outcomes),
        }
    }

    fn fail(&mut self, position: usize, error: GmailError) {
        self.failures.push(Failed { positions: vec![position], error, is_of_a_call: false });
    }

    /// Asks for fewer messages at a time until the one is alone whose headers are too long, because
    /// it must not fail the others.
    fn divide(&mut self, asked: usize, error: GmailError) {
        let is_small = (2..=AT_ONCE_AFTER_A_REFUSAL).contains(&asked);
        self.at_once = if is_small { 1 } else { AT_ONCE_AFTER_A_REFUSAL };
        if asked == 1
            && let Some(alone) = self.left.pop_front()
        {
            self.fail(alone.position, error);
        }
    }

    /// How long to wait before failures are asked for again, in smaller batches. `None`: that would
    /// not help, or there is no time.
    fn pause<'e>(
        &mut self,
        errors: impl Iterator<Item = &'e GmailError>,
        deadline: Deadline,
    ) -> Option<Duration> {
        let pause =
            errors.filter_map(Repeatable::repeatable).map(|trouble| trouble.pause(self.retry)).max()?;
        if self.retry == RETRIES || !deadline.allows(pause + CONNECT_TIMEOUT) {
            return None;
        }
        self.retry += 1;
        self.at_once = self.at_once.min(AT_ONCE_AFTER_A_REFUSAL);
        Some(pause)
    }
}

impl Google {
    /// Gets the messages that are left, until none is or the time is up.
    ///
    /// # Errors
    ///
    /// Only [`GmailError::Unauthorized`], of a call or of a part. [`Gathering::finish`] has
    /// everything else.
    pub async fn gather(
        &self,
        token: &AccessToken,
        gathering: &mut Gathering,
        deadline: Deadline,
    ) -> Result<(), GmailError> {
        while !gathering.left.is_empty() && !deadline.remaining().is_zero() {
            let batch: Vec<Asked> = gathering.left.iter().take(gathering.at_once).cloned().collect();
            let pause = match self.get_at_once(token, &batch, deadline).await {
                Err(GmailError::Unauthorized) => return Err(GmailError::Unauthorized),
                Err(error @ GmailError::Trouble(Trouble::Unanswered(Failure::TooLarge))) => {
                    gathering.divide(batch.len(), error);
                    None
                }
                Err(error) => {
                    let pause = gathering.pause(std::iter::once(&error), deadline);
                    if pause.is_none() {
                        let positions = gathering.left.drain(..).map(|asked| asked.position).collect();
                        gathering.failures.push(Failed { positions, error, is_of_a_call: true });
                    }
                    pause
                }
                Ok(outcomes) if outcomes.iter().any(|one| matches!(one, Err(GmailError::Unauthorized))) => {
                    return Err(GmailError::Unauthorized);
                }
                Ok(outcomes) => {
                    gathering.left.drain(..batch.len());
                    sort(gathering, batch.into_iter().zip(outcomes), deadline)
                }
            };
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
        }
        Ok(())
    }

    /// One call for these messages, and the outcome of each.
    async fn get_at_once(
        &self,
        token: &AccessToken,
        batch: &[Asked],
        deadline: Deadline,
    ) -> Result<Vec<Result<Summary, GmailError>>, GmailError> {
        let body = multipart::request(batch.iter().map(|asked| summary_path(&asked.id)));
        let request = self.gmail.post(format!("{}/batch/gmail/v1", self.gmail_url));
        let request = request.header(CONTENT_TYPE, multipart::REQUEST_TYPE).body(body);
        let asking = self.ask_gmail(request, token, LIMIT, deadline, multipart::answers);
        let answers = asking.await.map_err(|error| match error {
            // Not about a message: the batch itself is not taken.
            GmailError::BadQuery => GmailError::Rejected(400),
            GmailError::NotFound => GmailError::Rejected(404),
            other => other,
        })?;
        let missing = || Err(GmailError::Trouble(Trouble::Malformed { status: 200 }));
        let mut outcomes: Vec<_> = batch.iter().map(|_| missing()).collect();
        for (number, answer) in answers {
            if let Some(outcome) = outcomes.get_mut(number) {
                *outcome = self.outcome(answer, &batch[number].id);
            }
        }
        Ok(outcomes)
    }

    fn outcome(&self, part: Answer, id: &MessageId) -> Result<Summary, GmailError> {
        let read = |answer: &Answer| read_summary(&answer.body, id);
        let summary =
            self.usable(part).map_err(GmailError::from).and_then(|part| self.read_gmail(&part, read));
        let summary = summary.map_err(|error| match error {
            // Not an absent message: the ID comes from Gmail, so it is the rest that is refused.
            GmailError::BadQuery => GmailError::Rejected(400),
            other => other,
        });
        summary.inspect_err(|error| metrics::count_gmail_error(error.word()))
    }
}

/// Puts each outcome where it belongs. What is worth it is asked for again, after the pause.
fn sort(
    gathering: &mut Gathering,
    outcomes: impl Iterator<Item = (Asked, Result<Summary, GmailError>)>,
    deadline: Deadline,
) -> Option<Duration> {
    let mut failed = Vec::new();
    for (asked, outcome) in outcomes {
        match outcome {
            Ok(summary) => {
                gathering.summaries.insert(asked.position, summary);
            }
            // It was deleted meanwhile.
            Err(GmailError::NotFound) => {}
            Err(error) => failed.push((asked, error)),
        }
    }
    let pause = gathering.pause(failed.iter().map(|(_, error)| error), deadline);
    for (asked, error) in failed.into_iter().rev() {
        if pause.is_some() && error.repeatable().is_some() {
            gathering.left.push_front(asked);
        } else {
            gathering.fail(asked.position, error);
        }
    }
    pause
}
