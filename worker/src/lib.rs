//! The stateless worker: reads, filters, signs, tokenizes and writes shards.

pub mod emit;
pub mod progress;
pub mod tokenize;
pub mod write;
