//! `sweep`, without a route: refreshes the grants that nobody uses, because Google ends a grant
//! after six months without use, and finds the dead ones early. A schedule invokes it each quarter
//! of an hour, and each run reads another of 96 parts of the credentials table. DynamoDB divides a
//! table by a hash of its partition key, which is the user: so each user has a quarter of an hour
//! of the day. Nothing is stored of a run. What one did not do, the same run of the next day does.

mod census;
mod run;

use std::time::Duration;

use postern::app::{Ahead, App};
use postern::clock::Deadline;
use postern::door::direct::Function;
use postern::outside::dynamodb::Segment;
use postern_rules::config::{ConfigError, names};
use postern_rules::error::Error;
use postern_rules::time::Timestamp;

use self::run::Run;

/// This function.
pub const FUNCTION: Function = Function { name: "sweep", ahead: &[Ahead::Secrets, Ahead::DynamoDb] };

/// The seconds between two runs, as the template's schedule says.
const EVERY: i64 = 15 * 60;
const DAY: i64 = 24 * 60 * 60;

/// Goes through the part of the table that is due at the time `scheduled`.
///
/// # Errors
///
/// What keeps the part from being read to its end or its grants from being refreshed, if the
/// operator or AWS has to act. An unavailable Google is no error: it ends the refreshes of this run.
pub async fn handle(app: &App, scheduled: Timestamp, deadline: Deadline) -> Result<(), Error> {
    let days = app.config.sweep_unused_days;
    let days = days.ok_or(ConfigError::missing(names::SWEEP_UNUSED_DAYS.name))?;
    let segment = part(scheduled);
    let mut run = Run::new(app, Duration::from_hours(24) * days, deadline);
    let outcome = run.read(segment).await;
    run.tell(segment.number);
    outcome
}

/// The part of the table that belongs to a time of the day.
fn part(scheduled: Timestamp) -> Segment {
    let number = scheduled.seconds().rem_euclid(DAY) / EVERY;
    Segment { number: i32::try_from(number).unwrap_or(0), of: i32::try_from(DAY / EVERY).unwrap_or(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f116_each_run_of_a_day_has_its_own_part_whenever_in_its_quarter_it_comes() {
        let midnight = 1_793_491_200;
        for (quarter, seconds) in (0..96).zip((midnight..).step_by(900)) {
            for late in [0, 60, 899] {
                let segment = part(Timestamp::from_seconds(seconds + late));
                assert_eq!((segment.number, segment.of), (quarter, 96));
            }
        }
        assert_eq!(part(Timestamp::from_seconds(midnight + DAY)).number, 0);
        assert_eq!(part(Timestamp::from_seconds(-1)).number, 95);
    }
}
