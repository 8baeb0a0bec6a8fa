//! Runs a property: how many cases it has, and where its failures are saved.

use std::fmt::Debug;
use std::path::Path;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};

/// The cost of a case, which decides how many there are.
#[derive(Clone, Copy)]
pub(crate) enum Cost {
    /// A plain function call: 8 times `PROPTEST_CASES`.
    Nothing,
    /// A request that is answered without outside calls: 4 times `PROPTEST_CASES`.
    Little,
    /// A request that uses sockets: half of `PROPTEST_CASES`.
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

/// Asserts that `test` panics for no input of `strategy`. `name` is the name of the test and of the
/// file with its failures.
pub(crate) fn holds<S>(name: &str, cost: Cost, strategy: &S, test: impl Fn(S::Value))
where
    S: Strategy,
    S::Value: Debug,
{
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions");
    // Leaked once per test, because the library wants a `'static` name.
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
