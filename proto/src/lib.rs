//! The gRPC surface of tamis: generated types, conversions, and the one mapping between errors and statuses.

pub mod connect;
mod convert;
mod diagnose;
pub mod names;
mod status;
pub mod tls;

pub use convert::{phase_of, task_of};
pub use status::{from_status, to_status, to_unauthenticated};

/// `tamis.v1`
#[expect(missing_docs, clippy::all, reason = "generated; documented in the .proto files")]
pub mod v1 {
    tonic::include_proto!("tamis.v1");
}

/// The compiled descriptors, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The range of protocol numbers that this build speaks, both inclusive.
pub const PROTOCOL_RANGE: std::ops::RangeInclusive<u32> = 1..=1;

/// Bytes of one message at most: a spec that lists many inputs is the largest.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;
