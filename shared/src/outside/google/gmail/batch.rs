//! Gets what a list shows of many messages, through Gmail's batch endpoint. Each message has its
//! own outcome, so that one that fails does not take the others with it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use postern_rules::mail::{MessageId, Summary};
use postern_rules::secret::AccessToken;
use reqwest::header::CONTENT_TYPE;

use super::super::{CONNECT_TIMEOUT, Failure, RETRIES, Repeatable, Trouble};
use super::message::{absent, read_summary, summary_path};
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
    ids: Vec<MessageId>,
    /// The positions in `ids` of the messages that are still to be got.
    pub left: VecDeque<usize>,
    /// What was got, by position.
    pub summaries: BTreeMap<usize, Summary>,
    /// What could not be got.
    pub failures: Vec<Failed>,
    at_once: usize,
    retry: u32,
}

/// Messages that could not be got, all for one reason.
pub struct Failed {
    /// Their positions.
    pub positions: Vec<usize>,
    /// The reason.
    pub error: GmailError,
    /// Whether a whole call failed, and not the part of one message.
    pub is_of_a_call: bool,
}

impl Gathering {
    /// Nothing is known of these messages yet.
    pub fn of(ids: Vec<MessageId>) -> Self {
        Self {
            left: (0..ids.len()).collect(),
            ids,
            summaries: BTreeMap::new(),
            failures: Vec::new(),
            at_once: AT_ONCE,
            retry: 0,
        }
    }

    /// The ID at a position.
    pub fn id(&self, position: usize) -> &str {
        self.ids[position].as_str()
    }

    /// Asks for fewer messages at a time until the one is alone whose headers are too long, because
    /// it must not fail the others.
    fn divide(&mut self, asked: usize, error: GmailError) {
        let is_small = (2..=AT_ONCE_AFTER_A_REFUSAL).contains(&asked);
        self.at_once = if is_small { 1 } else { AT_ONCE_AFTER_A_REFUSAL };
        if asked == 1 {
            let positions = self.left.pop_front().into_iter().collect();
            self.failures.push(Failed { positions, error, is_of_a_call: false });
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
    /// Gets the messages that are left, until none is or the time is up. Messages that do not exist
    /// any more are in neither result.
    ///
    /// # Errors
    ///
    /// Only [`GmailError::Unauthorized`], of a call or of a part. Everything else is in `failures`.
    pub async fn gather(
        &self,
        token: &AccessToken,
        gathering: &mut Gathering,
        deadline: Deadline,
    ) -> Result<(), GmailError> {
        while !gathering.left.is_empty() && !deadline.remaining().is_zero() {
            let batch: Vec<usize> = gathering.left.iter().take(gathering.at_once).copied().collect();
            let ids: Vec<&MessageId> = batch.iter().map(|position| &gathering.ids[*position]).collect();
            let pause = match self.get_at_once(token, &ids, deadline).await {
                Err(GmailError::Unauthorized) => return Err(GmailError::Unauthorized),
                Err(error @ GmailError::Trouble(Trouble::Unanswered(Failure::TooLarge))) => {
                    gathering.divide(batch.len(), error);
                    None
                }
                Err(error) => {
                    let pause = gathering.pause(std::iter::once(&error), deadline);
                    if pause.is_none() {
                        let positions = gathering.left.drain(..).collect();
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
        ids: &[&MessageId],
        deadline: Deadline,
    ) -> Result<Vec<Result<Summary, GmailError>>, GmailError> {
        let body = multipart::request(ids.iter().map(|id| summary_path(id)));
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
        let mut outcomes: Vec<_> = ids.iter().map(|_| missing()).collect();
        for (number, answer) in answers {
            if let Some(outcome) = outcomes.get_mut(number) {
                *outcome = self.outcome(answer, ids[number]);
            }
        }
        Ok(outcomes)
    }

    fn outcome(&self, part: Answer, id: &MessageId) -> Result<Summary, GmailError> {
        let read = |answer: &Answer| read_summary(&answer.body, id);
        let summary =
            self.usable(part).map_err(GmailError::from).and_then(|part| self.read_gmail(&part, read));
        let summary = summary.map_err(absent);
        summary.inspect_err(|error| metrics::count_gmail_error(error.word()))
    }
}

/// Puts each outcome where it belongs. What is worth it is asked for again, after the pause.
fn sort(
    gathering: &mut Gathering,
    outcomes: impl Iterator<Item = (usize, Result<Summary, GmailError>)>,
    deadline: Deadline,
) -> Option<Duration> {
    let mut failed = Vec::new();
    for (position, outcome) in outcomes {
        match outcome {
            Ok(summary) => {
                gathering.summaries.insert(position, summary);
            }
            Err(GmailError::NotFound) => {}
            Err(error) => failed.push((position, error)),
        }
    }
    let pause = gathering.pause(failed.iter().map(|(_, error)| error), deadline);
    for (position, error) in failed.into_iter().rev() {
        if pause.is_some() && error.repeatable().is_some() {
            gathering.left.push_front(position);
        } else {
            gathering.failures.push(Failed { positions: vec![position], error, is_of_a_call: false });
        }
    }
    pause
}
