//! How fast a phase goes, from what it reports.

use std::collections::VecDeque;

/// Long enough to smooth the steps that heartbeats make, short enough to follow a change.
const WINDOW_MS: u64 = 15_000;
/// Samples closer than this replace one another.
const SAMPLE_MS: u64 = 250;

/// Bytes done over the last seconds.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    samples: VecDeque<(u64, u64)>,
}

impl Rate {
    /// Notes that `bytes` were done in all by `now_ms`. Lost attempts make the sum go back: that starts anew.
    pub fn note(&mut self, now_ms: u64, bytes: u64) {
        if self.samples.back().is_some_and(|&(_, last)| last > bytes) {
            self.samples.clear();
        }
        if self.samples.len() >= 2
            && let Some(last) = self.samples.back_mut()
            && now_ms.saturating_sub(last.0) < SAMPLE_MS
        {
            last.1 = bytes;
            return;
        }
        self.samples.push_back((now_ms, bytes));
        while self.samples.len() > 2 && self.samples.front().is_some_and(|&(at, _)| at + WINDOW_MS < now_ms) {
            self.samples.pop_front();
        }
    }

    /// Bytes a second up to `now_ms`; 0: not known.
    pub fn bytes_per_second(&self, now_ms: u64) -> f64 {
        let (Some(&(from_ms, from)), Some(&(_, to))) = (self.samples.front(), self.samples.back()) else {
            return 0.0;
        };
        let elapsed_ms = now_ms.saturating_sub(from_ms);
        if elapsed_ms < SAMPLE_MS {
            return 0.0;
        }
        (to - from) as f64 * 1_000.0 / elapsed_ms as f64
    }

    /// Seconds until `left` more bytes are done; 0: not known.
    pub fn eta_seconds(&self, now_ms: u64, left: u64) -> f64 {
        let rate = self.bytes_per_second(now_ms);
        if rate > 0.0 { left as f64 / rate } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_phase_has_its_rate_and_its_end() {
        let mut rate = Rate::default();
        for second in 0..30 {
            rate.note(second * 1_000, second * 50);
        }
        assert!((rate.bytes_per_second(29_000) - 50.0).abs() < 1e-9);
        assert!((rate.eta_seconds(29_000, 500) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn without_samples_or_progress_nothing_is_claimed() {
        let mut rate = Rate::default();
        assert_eq!(rate.bytes_per_second(5), 0.0);
        rate.note(0, 10);
        assert_eq!(rate.bytes_per_second(100), 0.0);
        assert_eq!(rate.eta_seconds(9_000, 10), 0.0);
    }

    #[test]
    fn a_lost_attempt_does_not_make_the_rate_negative() {
        let mut rate = Rate::default();
        rate.note(0, 100);
        rate.note(1_000, 200);
        rate.note(2_000, 50);
        assert_eq!(rate.bytes_per_second(3_000), 0.0);
    }
}
