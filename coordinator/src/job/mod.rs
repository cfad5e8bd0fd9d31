//! A job as facts and decisions: its state, its tasks, its rate, its id. No clock, no I/O, no lock.

mod history;
mod id;
mod rate;
mod state;
mod tasks;

pub use history::{Done, History, Point};
pub use id::{find, new_id};
pub use rate::Rate;
pub use state::JobState;
pub(crate) use tasks::lease_lost;
pub use tasks::{Commit, CommitVerdict, Standing, TaskRecord, Tasks};
