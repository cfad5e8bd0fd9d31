//! What both sides of tamis must agree on: job spec, identity and order of documents, text, duplicates,
//! artefacts and storage. Nothing here speaks gRPC or opens sled.

pub mod artefact;
pub mod clock;
pub mod dedup;
pub mod error;
pub mod fault;
pub mod ids;
pub mod input;
pub mod measure;
pub mod mix;
pub mod read;
pub mod secret;
pub mod shard;
pub mod spec;
pub mod stats;
pub mod storage;
pub mod telemetry;
pub mod text;
pub mod tokenizer;

/// Cleaners and filters.
pub use tamis_sieve as sieve;

pub use error::{Class, Error, Result};
