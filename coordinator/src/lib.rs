//! The coordinator: plans jobs, leases tasks, resolves duplicates, mixes, publishes.

pub mod access;
mod api;
pub mod config;
pub mod connections;
mod control;
mod copy;
pub mod drive;
mod figures;
#[cfg(test)]
#[path = "../benches/generated/mod.rs"]
#[expect(clippy::unwrap_used, reason = "tests")]
mod generated;
mod http;
pub mod index;
pub mod job;
pub mod mix;
mod observe;
mod output;
pub mod plan;
pub mod publish;
pub mod rebuild;
pub mod recover;
pub mod report;
pub mod resolve;
pub mod schedule;
mod seats;
pub mod server;
#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod simulation;
pub mod steps;
pub mod store;
mod sweep;
#[cfg(test)]
mod testing;

pub use config::CoordinatorConfig;
pub use control::CLIENT_CALLS;
pub use drive::Steps;
pub use server::{Coordinator, CoordinatorHandle};
