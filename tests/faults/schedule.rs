//! Random schedules that can be repeated: a small generator (SplitMix64) and its seed.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

use crate::extent;

/// The variable that repeats the random choices of an earlier run. Each run prints its seed.
const VARIABLE: &str = "POSTERN_TEST_SEED";

/// The seed for all tests of a run. A fixed one would never find anything new.
static SEED: LazyLock<u64> = LazyLock::new(|| {
    #[expect(clippy::disallowed_methods, reason = "a test's seed is not configuration of the functions")]
    let seed = match std::env::var(VARIABLE) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{VARIABLE} is a number, not {text:?}")),
        Err(_) => RandomState::new().hash_one(VARIABLE),
    };
    extent::say(&format!("{VARIABLE}={seed} repeats the random choices of this run"));
    seed
});

/// A generator of pseudo-random numbers; nothing about it is secret.
#[derive(Clone, Debug)]
pub(crate) struct Schedule(u64);

impl Schedule {
    /// The generator for one test, from the seed of the run and the test's name.
    pub(crate) fn of(test: &str) -> Self {
        Self(test.bytes().fold(*SEED, |seed, byte| seed.rotate_left(5) ^ u64::from(byte)))
    }

    /// The next number.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A number below `count`.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(u64::try_from(count).unwrap())).unwrap()
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
        choices[self.index(choices.len())]
    }
}
