//! Names of things, one type each, ordered canonically.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

string_id! {
    /// A job. Later jobs sort after earlier ones.
    JobId
}
string_id! {
    /// A living worker process.
    WorkerId
}

/// A shard of a job: its number in canonical order (source in the spec, URI, offset), from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShardId(pub u32);

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}", self.0)
    }
}

/// One grant of a task to a worker. Never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(pub u64);

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The two kinds of work that workers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Read, filter, sign.
    Scan,
    /// Tokenize and write what stays.
    Emit,
}

impl Phase {
    /// `scan` or `emit`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Emit => "emit",
        }
    }
}

/// A task of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId {
    /// What to do.
    pub phase: Phase,
    /// To which shard.
    pub shard: ShardId,
}

impl TaskId {
    /// From its text, such as `scan-00042`.
    pub fn parse(text: &str) -> Option<Self> {
        let (phase, shard) = text.split_once('-')?;
        let phase = [Phase::Scan, Phase::Emit].into_iter().find(|known| known.as_str() == phase)?;
        let task = Self { phase, shard: ShardId(shard.parse().ok()?) };
        (task.to_string() == text).then_some(task)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.phase.as_str(), self.shard)
    }
}

/// A document of a job: shard and record number within the shard. Canonical order is lexicographic, which
/// is the order of the packed number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DocRef(u64);

impl DocRef {
    /// The document `record` of `shard`; records count every record of the shard's input, dropped ones too.
    pub fn new(shard: ShardId, record: u32) -> Self {
        Self(u64::from(shard.0) << 32 | u64::from(record))
    }

    /// From the packed form: shard in the upper 32 bits, record in the lower.
    pub fn from_packed(packed: u64) -> Self {
        Self(packed)
    }

    /// The packed form.
    pub fn packed(self) -> u64 {
        self.0
    }

    /// The shard.
    pub fn shard(self) -> ShardId {
        ShardId((self.0 >> 32) as u32)
    }

    /// The record within the shard, from 0.
    pub fn record(self) -> u32 {
        self.0 as u32
    }
}

impl fmt::Display for DocRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.shard(), self.record())
    }
}
