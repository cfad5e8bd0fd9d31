//! The time by which leases are judged.

use std::sync::Arc;
use std::time::Instant;

/// Milliseconds of a clock that only goes forward. A parameter, so that a simulation turns it by hand.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The machine's clock, from 0 on.
    pub(crate) fn of_machine() -> Self {
        let started = Instant::now();
        Self::new(move || started.elapsed().as_millis() as u64)
    }

    /// A clock that shows what `now_ms` says.
    pub(crate) fn new(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_ms))
    }

    pub(crate) fn now_ms(&self) -> u64 {
        (self.0)()
    }
}
