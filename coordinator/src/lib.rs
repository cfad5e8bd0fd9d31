//! The coordinator: plans jobs, leases tasks, resolves duplicates, mixes, publishes.

pub mod index;
pub mod mix;
pub mod plan;
pub mod resolve;
