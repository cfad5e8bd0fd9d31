//! What the end of an attempt without a commit means for its task.

use tamis_common::error::RetryVerdict;

/// The first pause before a task is granted again; doubled for each failure.
const FIRST_DELAY_MS: u64 = 200;
/// Long enough to spare a store that is down, short enough not to idle a cluster.
const MAX_DELAY_MS: u64 = 10_000;

/// What happens to the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// It is granted again after a pause.
    Again {
        /// Failures that count, this one included if it does.
        counted: u32,
        /// The pause.
        delay_ms: u64,
    },
    /// Its shard is quarantined and the job fails.
    Quarantine {
        /// Failures that count, this one included.
        counted: u32,
    },
}

/// Decides on a failed attempt of a task with `counted` failures that counted before and `uncounted` that did not.
pub fn after_failure(verdict: RetryVerdict, counted: u32, uncounted: u32, max_attempts: u32) -> AfterFailure {
    let counted = counted + u32::from(verdict.counts);
    if !verdict.retryable || (verdict.counts && counted >= max_attempts) {
        return AfterFailure::Quarantine { counted };
    }
    let failures = counted + uncounted + u32::from(!verdict.counts);
    AfterFailure::Again { counted, delay_ms: delay_ms(failures) }
}

/// The pause after a task was given back for the `releases`-th time: none for the first, since a drained worker leaves
/// nothing to wait for; a worker that keeps refusing is slowed down.
pub fn release_delay_ms(releases: u32) -> u64 {
    delay_ms(releases.saturating_sub(1))
}

fn delay_ms(failures: u32) -> u64 {
    match failures {
        0 => 0,
        n => FIRST_DELAY_MS.saturating_mul(1 << (n - 1).min(16)).min(MAX_DELAY_MS),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tamis_common::{Class, Error};

    use super::*;

    fn verdict(class: Class) -> RetryVerdict {
        Error::new(class, "test").verdict()
    }

    #[test]
    fn a_shard_that_kills_its_workers_comes_to_an_end() {
        let mut counted = 0;
        for attempt in 1..4 {
            match after_failure(verdict(Class::LeaseLost), counted, 0, 4) {
                AfterFailure::Again { counted: now, .. } => counted = now,
                other => panic!("attempt {attempt}: {other:?}"),
            }
        }
        assert_eq!(
            after_failure(verdict(Class::LeaseLost), counted, 0, 4),
            AfterFailure::Quarantine { counted: 4 }
        );
    }

    #[test]
    fn a_wrong_input_is_not_tried_again() {
        assert_eq!(after_failure(verdict(Class::Input), 0, 0, 4), AfterFailure::Quarantine { counted: 1 });
    }

    #[test]
    fn drain_and_backpressure_never_count() {
        for class in [Class::Cancelled, Class::Unavailable] {
            let after = after_failure(verdict(class), 3, 100, 4);
            assert_eq!(after, AfterFailure::Again { counted: 3, delay_ms: MAX_DELAY_MS });
        }
        assert_eq!(release_delay_ms(1), 0);
        assert!(release_delay_ms(2) > 0);
    }

    proptest! {
        #[test]
        fn failures_that_count_end_after_max_attempts(max_attempts in 1_u32..20, uncounted in 0_u32..1_000) {
            let mut counted = 0;
            for attempt in 1..=max_attempts {
                match after_failure(verdict(Class::Storage), counted, uncounted, max_attempts) {
                    AfterFailure::Again { counted: now, delay_ms } => {
                        prop_assert!(attempt < max_attempts && delay_ms <= MAX_DELAY_MS);
                        counted = now;
                    }
                    AfterFailure::Quarantine { .. } => prop_assert_eq!(attempt, max_attempts),
                }
            }
        }
    }
}
