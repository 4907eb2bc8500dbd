//! Growing, jittered waits between attempts.
//!
//! Used towards the core (`session`, with the configured values) and towards clusters (`accounts`,
//! `cluster::watch`). Never sleeps itself.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// How waits grow: `base * multiplier^n`, at most `max`, each changed by up to `jitter` of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Backoff {
    /// The first wait.
    pub base: Duration,
    /// By what each wait is longer than the one before.
    pub multiplier: f64,
    /// The part of a wait, 0 to 1, that chance adds or takes.
    pub jitter: f64,
    /// The longest wait, before jitter.
    pub max: Duration,
}

impl Backoff {
    /// The waits of one series of attempts.
    pub fn waits(&self) -> Waits<'_> {
        Waits {
            shape: self,
            next: self.base,
        }
    }
}

/// One series of waits.
#[derive(Debug)]
pub struct Waits<'a> {
    shape: &'a Backoff,
    next: Duration,
}

impl Waits<'_> {
    /// The next wait, longer than the one before.
    pub fn grow(&mut self) -> Duration {
        let wait = self.next.min(self.shape.max);
        let longer = wait.as_secs_f64() * self.shape.multiplier.max(1.0);
        self.next = Duration::from_secs_f64(longer.min(self.shape.max.as_secs_f64()));
        wait.mul_f64(1.0 + self.shape.jitter * (2.0 * chance() - 1.0))
    }

    /// Begins anew with the shortest wait.
    pub fn reset(&mut self) {
        self.next = self.shape.base;
    }
}

/// A number from 0 to 1. Every `RandomState` has keys of its own: enough to spread reconnections,
/// and no crate for it.
fn chance() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    random as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shape(jitter: f64) -> Backoff {
        Backoff {
            base: Duration::from_secs(1),
            multiplier: 2.0,
            jitter,
            max: Duration::from_secs(5),
        }
    }

    #[test]
    fn waits_grow_up_to_the_longest_and_begin_anew() {
        let shape = shape(0.0);
        let mut waits = shape.waits();
        let seconds: Vec<u64> = (0..5).map(|_| waits.grow().as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 5, 5]);
        waits.reset();
        assert_eq!(waits.grow(), Duration::from_secs(1));
    }

    #[test]
    fn jitter_stays_within_its_part() {
        let shape = shape(0.2);
        for _ in 0..100 {
            let first = shape.waits().grow().as_secs_f64();
            assert!((0.8..=1.2).contains(&first), "{first}");
        }
    }
}
