//! The clock on the wall, for people to read and for ids to sort by; no decision hangs on it.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::fault;

/// Milliseconds since the Unix epoch.
pub fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    since.saturating_add_signed(fault::clock_jump_ms())
}
