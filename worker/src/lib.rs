//! The stateless worker: reads, cleans, filters, signs, tokenizes and writes shards.

pub mod emit;
pub mod execute;
pub mod progress;
pub mod rehearsal;
pub mod run;
mod sample;
pub mod scan;
pub mod session;
pub mod sieve;
mod spool;
mod threads;
pub mod tokenize;
pub mod trial;
pub mod write;

pub use run::{EmitInputs, Executor, FileRef, Task};
pub use session::{Worker, WorkerConfig, WorkerHandle};
