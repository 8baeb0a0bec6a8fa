//! Kill points: the future of a request is dropped, as the end of a process drops it. Either at each of its suspensions,
//! or at each call that it makes, before and after the call has its effect.

use std::fmt;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, select};
use harness::proxy::Side;
use harness::world::{Answer, Call, invoke};

use crate::behind::Behind;

/// No request has more suspensions or calls than this; one that has hangs.
const MOST: usize = 500;
/// What is on its way when the process dies arrives within this time.
const ON_ITS_WAY: Duration = Duration::from_millis(8);

#[derive(Clone, Copy, Debug)]
enum Kind {
    Suspensions,
    Calls(Side),
}

/// The kill points of one kind, one after the other.
#[derive(Debug)]
pub(super) struct Points {
    kind: Kind,
    number: usize,
    killed: usize,
    is_over: bool,
}

impl fmt::Display for Points {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {}", self.kind, self.number)
    }
}

impl Points {
    /// Both kinds, from the first point on.
    pub(super) fn both_kinds() -> impl Iterator<Item = Self> {
        [(Kind::Suspensions, 0), (Kind::Calls(Side::Before), 1)].into_iter().map(|(kind, number)| Self {
            kind,
            number,
            killed: 0,
            is_over: false,
        })
    }

    /// How many requests were killed.
    pub(super) const fn killed(&self) -> usize {
        self.killed
    }

    /// Whether the last request came to its end before its kill point.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Sends a call to a new environment and kills that at this point; the answer, if it came before.
    pub(super) async fn kill(&self, behind: &Behind, call: &Call, budget: Duration) -> Option<Answer> {
        let app = behind.world.environment(&[]);
        let event = call.event().to_string();
        let request = Box::pin(invoke(Ok(&app), &event, budget));
        let answer = match self.kind {
            Kind::Suspensions => suspended(request, self.number).await,
            Kind::Calls(side) => {
                behind.gate.arm(self.number, side);
                match select(pin!(behind.gate.reached()), request).await {
                    Either::Left(((), request)) => {
                        drop(request);
                        None
                    }
                    Either::Right((answer, _)) => Some(answer),
                }
            }
        };
        drop(app);
        tokio::time::sleep(ON_ITS_WAY).await;
        behind.close_connections().await;
        answer
    }

    /// Goes on to the next point; false when the request came to its end before this one.
    pub(super) fn go_on(&mut self, answer: Option<&Answer>) -> bool {
        assert!(self.number < MOST, "the request makes no end");
        match (self.kind, answer.is_some()) {
            (_, false) => self.killed += 1,
            // A call whose answer is lost by the fault itself is not followed by its other side.
            (Kind::Calls(Side::After), true) => {}
            (Kind::Suspensions | Kind::Calls(Side::Before), true) => self.is_over = true,
        }
        match self.kind {
            Kind::Calls(Side::Before) => self.kind = Kind::Calls(Side::After),
            Kind::Calls(Side::After) => {
                (self.kind, self.number) = (Kind::Calls(Side::Before), self.number + 1)
            }
            Kind::Suspensions => self.number += 1,
        }
        !self.is_over
    }
}

/// Runs a request up to its `number`-th suspension.
async fn suspended(request: impl Future<Output = Answer> + Unpin, number: usize) -> Option<Answer> {
    let (mut request, mut count) = (request, 0);
    std::future::poll_fn(|context| {
        if count == number {
            return Poll::Ready(None);
        }
        count += 1;
        std::pin::Pin::new(&mut request).poll(context).map(Some)
    })
    .await
}
