//! How fast a job went, over its whole time: a bounded list of points, which grow coarser as the job grows older.

use std::collections::VecDeque;

use tamis_common::ids::Phase;

/// Points at most; beyond, neighbours become one.
const MOST: usize = 240;
/// The first points are this far apart, milliseconds.
const FIRST_STEP_MS: u64 = 1_000;

/// What was done of a phase by some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The phase.
    pub phase: Phase,
    /// Input bytes.
    pub bytes: u64,
    /// Records.
    pub records: u64,
}

/// A span of time, and what was done in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The end of the span, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Its length in milliseconds; above 0.
    pub span_ms: u64,
    /// The phase.
    pub phase: Phase,
    /// Input bytes of the span.
    pub bytes: u64,
    /// Records of the span.
    pub records: u64,
}

/// The points of a job, oldest first.
#[derive(Clone, Debug)]
pub struct History {
    points: VecDeque<Point>,
    step_ms: u64,
    last: Option<(u64, Done)>,
}

impl Default for History {
    fn default() -> Self {
        Self { points: VecDeque::new(), step_ms: FIRST_STEP_MS, last: None }
    }
}

impl History {
    /// Notes what was done in all by `now_ms` (of any clock that goes forward), which on the wall is `wall_ms`. Lost attempts
    /// make the sums go back: that begins anew, as another phase does.
    pub fn note(&mut self, now_ms: u64, wall_ms: u64, done: Done) {
        let Some((since_ms, before)) = self.last else {
            self.last = Some((now_ms, done));
            return;
        };
        if before.phase != done.phase || before.bytes > done.bytes || before.records > done.records {
            self.last = Some((now_ms, done));
            return;
        }
        let span_ms = now_ms.saturating_sub(since_ms);
        if span_ms < self.step_ms {
            return;
        }
        self.last = Some((now_ms, done));
        let (bytes, records) = (done.bytes - before.bytes, done.records - before.records);
        self.points.push_back(Point { at_ms: wall_ms, span_ms, phase: done.phase, bytes, records });
        if self.points.len() > MOST {
            self.coarsen();
        }
    }

    /// All points, oldest first.
    pub fn points(&self) -> impl Iterator<Item = &Point> {
        self.points.iter()
    }

    fn coarsen(&mut self) {
        self.step_ms *= 2;
        let mut coarse: VecDeque<Point> = VecDeque::with_capacity(MOST);
        let mut whole = true;
        for point in self.points.drain(..) {
            match coarse.back_mut() {
                Some(last) if !whole && last.phase == point.phase => {
                    last.at_ms = point.at_ms;
                    last.span_ms += point.span_ms;
                    last.bytes += point.bytes;
                    last.records += point.records;
                    whole = true;
                }
                _ => {
                    coarse.push_back(point);
                    whole = false;
                }
            }
        }
        self.points = coarse;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(phase: Phase, bytes: u64) -> Done {
        Done { phase, bytes, records: bytes / 10 }
    }

    #[test]
    fn nothing_is_lost_when_points_grow_coarser() {
        let mut history = History::default();
        for second in 0..2_000_u64 {
            history.note(second * 1_000, second * 1_000, done(Phase::Scan, second * 50));
        }
        let points: Vec<_> = history.points().copied().collect();
        assert!(points.len() <= MOST && points.len() > MOST / 4, "{}", points.len());
        let bytes: u64 = points.iter().map(|point| point.bytes).sum();
        let covered: u64 = points.iter().map(|point| point.span_ms).sum();
        assert!(points.iter().all(|point| point.bytes * 1_000 == point.span_ms * 50), "{points:?}");
        // What is younger than a step is not shown yet.
        assert_eq!(bytes * 1_000, covered * 50);
        assert!(1_999 * 50 - bytes < 16 * 50, "{bytes}");
        assert!(points.windows(2).all(|two| two[0].at_ms + two[1].span_ms == two[1].at_ms));
    }

    #[test]
    fn another_phase_or_a_lost_attempt_begins_anew() {
        let mut history = History::default();
        history.note(0, 0, done(Phase::Scan, 100));
        history.note(1_000, 1_000, done(Phase::Scan, 200));
        history.note(2_000, 2_000, done(Phase::Scan, 150));
        history.note(3_000, 3_000, done(Phase::Emit, 500));
        history.note(4_500, 4_500, done(Phase::Emit, 650));
        let bytes: Vec<_> = history.points().map(|point| (point.phase, point.bytes, point.span_ms)).collect();
        assert_eq!(bytes, [(Phase::Scan, 100, 1_000), (Phase::Emit, 150, 1_500)]);
    }
}
