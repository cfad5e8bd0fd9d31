//! What a process tells of itself while it runs: metrics and traces. Of documents it tells nothing.

pub mod metrics;
pub mod trace;
