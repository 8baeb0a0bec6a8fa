//! How a property is run: how many cases, and what remains of a failure.

use std::fmt::Debug;
use std::path::Path;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};

/// What a case costs, which decides how many there are.
#[derive(Clone, Copy)]
pub(crate) enum Cost {
    /// A call of a function: 8 times the measure.
    Nothing,
    /// A request that is answered without a call to anybody: 4 times the measure.
    Little,
    /// A request that goes over sockets: half the measure.
    Sockets,
}

impl Cost {
    fn cases(self, measure: u32) -> u32 {
        match self {
            Self::Nothing => measure.saturating_mul(8),
            Self::Little => measure.saturating_mul(4),
            Self::Sockets => (measure / 2).max(1),
        }
    }
}

/// Asserts that `test` panics for no input of `strategy`. `name` is the test's, and that of the file of its failures.
pub(crate) fn holds<S>(name: &str, cost: Cost, strategy: &S, test: impl Fn(S::Value))
where
    S: Strategy,
    S::Value: Debug,
{
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions");
    // Once for each test of the process, as the library wants a name that lives for ever.
    let file: &'static str = folder.join(name).with_extension("txt").display().to_string().leak();
    let from_environment = Config::default();
    let mut runner = TestRunner::new(Config {
        cases: cost.cases(from_environment.cases),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        max_shrink_time: 60_000,
        ..from_environment
    });
    let outcome = runner.run(strategy, |value| {
        test(value);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{name}: {failure}");
    }
}
