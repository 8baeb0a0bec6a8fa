//! Random schedules that can be run again: a small generator (SplitMix64) and where its seed comes from.

use std::time::Duration;

/// The variable that gives another seed than the usual one; each run prints the seed it used.
const SEED: &str = "POSTERN_TEST_SEED";

/// A generator of pseudo-random numbers; nothing about it is secret.
#[derive(Clone, Debug)]
pub(crate) struct Schedule(u64);

impl Schedule {
    /// The generator for one test. Its seed is printed, so that a failure can be run again.
    #[expect(clippy::disallowed_methods, reason = "a test's seed is no configuration of the functions")]
    #[expect(clippy::print_stdout, reason = "whoever looks into a failure needs the seed")]
    pub(crate) fn of(test: &str) -> Self {
        let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
            // Another seed in each run: what a fixed one never meets is never found.
            let process = u64::from(std::process::id());
            test.bytes().fold(process, |seed, byte| seed.rotate_left(5) ^ u64::from(byte))
        });
        println!("{test}: {SEED}={seed}");
        Self(seed)
    }

    /// The next number.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A generator of its own, for what goes on at the same time.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A time below so many milliseconds, to the microsecond.
    pub(crate) fn pause(&mut self, milliseconds: u64) -> Duration {
        Duration::from_micros(self.below(milliseconds * 1000))
    }

    /// Heads or tails.
    pub(crate) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    /// One of these.
    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let count = u64::try_from(choices.len()).unwrap();
        choices[usize::try_from(self.below(count)).unwrap()]
    }
}
