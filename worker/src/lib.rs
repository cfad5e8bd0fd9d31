//! The stateless worker: reads, filters, signs, tokenizes and writes shards.

pub mod progress;
pub mod run;
pub mod session;

pub use run::{EmitInputs, Executor, FileRef, Task};
pub use session::{Worker, WorkerConfig, WorkerHandle};
