//! The stateless worker: reads, filters, signs, tokenizes and writes shards.

pub mod emit;
pub mod execute;
pub mod filter;
pub mod progress;
pub mod read;
pub mod run;
pub mod scan;
pub mod session;
mod threads;
pub mod tokenize;
pub mod write;

pub use run::{EmitInputs, Executor, FileRef, Task};
pub use session::{Worker, WorkerConfig, WorkerHandle};
