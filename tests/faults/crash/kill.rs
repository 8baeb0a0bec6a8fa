//! Kill points: the future of a request is dropped, as if its process had died. Either when it
//! suspends, or at a call that it makes, before or after the call has its effect.

use std::fmt;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, select};
use harness::proxy::Side;
use harness::world::{Answer, Call, invoke};
use postern::app::App;

use crate::behind::Behind;

/// A request with more suspensions or calls than this hangs.
const MOST: usize = 500;
/// A call that is on its way when the process dies arrives within this time.
const ON_ITS_WAY: Duration = Duration::from_millis(8);

#[derive(Clone, Copy, Debug)]
enum Kind {
    Suspensions,
    Calls(Side),
}

/// The kill points of one kind, in order: every `step`-th of them.
#[derive(Debug)]
pub(super) struct Points {
    kind: Kind,
    number: usize,
    step: usize,
    killed: usize,
}

impl fmt::Display for Points {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {}", self.kind, self.number)
    }
}

impl Points {
    /// Suspensions, after skipping `skipped`.
    pub(super) const fn suspensions(skipped: usize, step: usize) -> Self {
        Self { kind: Kind::Suspensions, number: skipped, step, killed: 0 }
    }

    /// Both sides of calls, after skipping `skipped` calls.
    pub(super) const fn calls(skipped: usize, step: usize) -> Self {
        Self { kind: Kind::Calls(Side::Before), number: 1 + skipped, step, killed: 0 }
    }

    /// How many requests were killed.
    pub(super) const fn killed(&self) -> usize {
        self.killed
    }

    /// Sends a call to a new environment and kills it at this point. Returns the answer if that
    /// came first.
    pub(super) async fn kill(&self, behind: &Behind, call: &Call, budget: Duration) -> Option<Answer> {
        let event = call.event().to_string();
        self.kill_in(behind, async |app| invoke(Ok(app), &event, budget).await).await
    }

    /// The same with anything that a new environment does.
    pub(super) async fn kill_in<T>(
        &self,
        behind: &Behind,
        request: impl AsyncFnOnce(&App) -> T,
    ) -> Option<T> {
        let app = behind.world.environment(&[]);
        let request = Box::pin(request(&app));
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

    /// Moves to the next point. False if the request ended before this one.
    pub(super) fn go_on<T>(&mut self, answer: Option<&T>) -> bool {
        assert!(self.number < MOST, "the request makes no end");
        self.killed += usize::from(answer.is_none());
        let kind = self.kind;
        match kind {
            Kind::Calls(Side::Before) => self.kind = Kind::Calls(Side::After),
            Kind::Calls(Side::After) => {
                (self.kind, self.number) = (Kind::Calls(Side::Before), self.number + self.step);
            }
            Kind::Suspensions => self.number += self.step,
        }
        // If the fault itself loses a call's answer, nothing can be killed after it, and more calls
        // may follow.
        answer.is_none() || matches!(kind, Kind::Calls(Side::After))
    }
}

/// Runs a request up to its `number`-th suspension.
async fn suspended<T>(request: impl Future<Output = T> + Unpin, number: usize) -> Option<T> {
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
