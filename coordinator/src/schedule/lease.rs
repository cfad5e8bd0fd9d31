//! When an attempt's lease is over.

use std::fmt;

/// How long attempts may be silent, and how long without progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Silence that ends a lease, milliseconds.
    pub lease_ms: u64,
    /// Heartbeats without progress that end a lease, milliseconds.
    pub stall_ms: u64,
}

/// What is known of a running attempt. Times are milliseconds of the coordinator's monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    heard_ms: u64,
    progress_ms: u64,
    bytes_done: u64,
    records_done: u64,
}

impl Lease {
    /// A lease that begins now: granted, or found in the store after a restart. The latter is what keeps every
    /// attempt alive for one lease time, so that its worker can come back.
    pub fn begin(now_ms: u64) -> Self {
        Self { heard_ms: now_ms, progress_ms: now_ms, bytes_done: 0, records_done: 0 }
    }

    /// A heartbeat with what is done so far.
    pub fn renew(&mut self, now_ms: u64, bytes_done: u64, records_done: u64) {
        self.heard_ms = self.heard_ms.max(now_ms);
        if bytes_done > self.bytes_done || records_done > self.records_done {
            self.progress_ms = self.progress_ms.max(now_ms);
        }
        self.bytes_done = self.bytes_done.max(bytes_done);
        self.records_done = self.records_done.max(records_done);
    }

    /// Input bytes done.
    pub fn bytes_done(&self) -> u64 {
        self.bytes_done
    }

    /// Records done.
    pub fn records_done(&self) -> u64 {
        self.records_done
    }

    /// Whether, and why, the lease is over.
    pub fn expiry(&self, terms: Terms, now_ms: u64) -> Option<Expiry> {
        let silent_ms = now_ms.saturating_sub(self.heard_ms);
        if silent_ms > terms.lease_ms {
            return Some(Expiry::Silent { silent_ms });
        }
        let stalled_ms = now_ms.saturating_sub(self.progress_ms);
        (stalled_ms > terms.stall_ms).then_some(Expiry::Stalled { stalled_ms })
    }
}

/// Why a lease is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// No heartbeat came.
    Silent {
        /// For how long.
        silent_ms: u64,
    },
    /// Heartbeats came, but nothing was done.
    Stalled {
        /// For how long.
        stalled_ms: u64,
    },
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent { silent_ms } => write!(f, "no heartbeat for {silent_ms} ms"),
            Self::Stalled { stalled_ms } => write!(f, "no progress for {stalled_ms} ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TERMS: Terms = Terms { lease_ms: 30_000, stall_ms: 900_000 };

    #[test]
    fn a_silent_attempt_loses_its_lease_and_a_beating_one_keeps_it() {
        let mut lease = Lease::begin(1_000);
        assert_eq!(lease.expiry(TERMS, 31_000), None);
        assert_eq!(lease.expiry(TERMS, 31_001), Some(Expiry::Silent { silent_ms: 30_001 }));
        lease.renew(31_000, 5, 1);
        assert_eq!(lease.expiry(TERMS, 61_000), None);
    }

    #[test]
    fn an_attempt_that_beats_without_progress_has_a_ceiling() {
        let mut lease = Lease::begin(0);
        for now_ms in (0..=900_000).step_by(10_000) {
            lease.renew(now_ms, 0, 0);
            assert_eq!(lease.expiry(TERMS, now_ms), None);
        }
        lease.renew(900_001, 0, 0);
        assert_eq!(lease.expiry(TERMS, 900_001), Some(Expiry::Stalled { stalled_ms: 900_001 }));
        lease.renew(900_002, 0, 1);
        assert_eq!(lease.expiry(TERMS, 900_002), None);
    }

    proptest! {
        #[test]
        fn nothing_expires_within_one_lease_time_of_a_restart(start in 0_u64..1 << 40, passed in 0_u64..=30_000) {
            prop_assert_eq!(Lease::begin(start).expiry(TERMS, start + passed), None);
        }

        #[test]
        fn reports_that_come_late_or_twice_never_shorten_a_lease(
            beats in prop::collection::vec((0_u64..100_000, 0_u64..100, 0_u64..100), 1..20),
        ) {
            let mut lease = Lease::begin(0);
            for &(now_ms, bytes, records) in &beats {
                let before = lease;
                lease.renew(now_ms, bytes, records);
                prop_assert!(lease.heard_ms >= before.heard_ms && lease.bytes_done >= before.bytes_done);
            }
        }
    }
}
