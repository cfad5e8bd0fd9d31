//! Decisions about tasks, from facts alone: who gets one, which lease is over, what a failure means. The clock is
//! a parameter.

mod assign;
mod lease;
mod retry;

pub use assign::{Candidate, assign};
pub use lease::{Expiry, Lease, Terms};
pub use retry::{AfterFailure, after_failure, release_delay_ms};
