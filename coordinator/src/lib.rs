//! The coordinator: plans jobs, leases tasks, resolves duplicates, mixes, publishes.

pub mod index;
pub mod resolve;
