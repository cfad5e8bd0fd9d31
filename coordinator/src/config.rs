//! What a coordinator is told once, at start.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tamis_common::storage::Uri;
use tamis_common::{Error, Result};

use crate::access::AccessConfig;
use crate::connections::Bounds;

/// The gRPC port, unless another is named.
pub const DEFAULT_PORT: u16 = 7171;
/// Long enough for a garbage-ridden network or a paused machine, short enough not to idle a cluster.
const DEFAULT_LEASE: Duration = Duration::from_secs(30);
/// A worker that reports nothing new for this long hangs: records are counted every few milliseconds.
const DEFAULT_STALL: Duration = Duration::from_secs(15 * 60);
/// Far more than people watch over.
const DEFAULT_JOBS: usize = 1_000;
/// Enough for a pipeline that submits its whole day at once; others still find room.
const DEFAULT_JOBS_OF_CLIENT: usize = 250;
/// All workers of a cluster may share a token, and each has a few calls open.
const DEFAULT_CALLS_OF_CLIENT: usize = 2_048;
/// A worker has four calls open, a client one or two.
const DEFAULT_STREAMS: u32 = 256;
/// Beats also carry progress, which people watch.
const MAX_HEARTBEAT_MS: u64 = 2_000;
/// Shorter leases are lost to scheduling alone.
const MIN_LEASE: Duration = Duration::from_millis(100);

/// Settings of a coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorConfig {
    /// Where to listen for gRPC; port 0: any free one.
    pub listen: SocketAddr,
    /// Where to listen for HTTP: dashboard, metrics and probes; port 0: any free one; `None`: nowhere.
    pub http: Option<SocketAddr>,
    /// State and global index, on a local disk.
    pub data_dir: PathBuf,
    /// Artefacts, shared by all workers.
    pub work: Uri,
    /// How long an attempt may be silent before its task goes to another worker.
    pub lease: Duration,
    /// How long an attempt may beat without progress.
    pub stall: Duration,
    /// Jobs that have not ended at most.
    pub max_jobs: usize,
    /// The same of one client, which is known by its token.
    pub max_jobs_of_client: usize,
    /// Calls of one client at the same time, which is known by its token; further ones are refused.
    pub max_calls_of_client: usize,
    /// Calls of one connection at the same time; further ones wait.
    pub max_streams: u32,
    /// Connections at the same time.
    pub connections: Bounds,
    /// With what callers are known.
    pub access: AccessConfig,
}

impl CoordinatorConfig {
    /// The defaults: 127.0.0.1:7171 without tokens or TLS, no HTTP, a lease of 30 s, 15 min without progress.
    pub fn new(data_dir: impl Into<PathBuf>, work: Uri) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
            http: None,
            data_dir: data_dir.into(),
            work,
            lease: DEFAULT_LEASE,
            stall: DEFAULT_STALL,
            max_jobs: DEFAULT_JOBS,
            max_jobs_of_client: DEFAULT_JOBS_OF_CLIENT,
            max_calls_of_client: DEFAULT_CALLS_OF_CLIENT,
            max_streams: DEFAULT_STREAMS,
            connections: Bounds::default(),
            access: AccessConfig::default(),
        }
    }

    /// Whether the settings can work.
    ///
    /// # Errors
    /// `Class::Spec` that names the setting.
    pub fn validate(&self) -> Result<()> {
        if self.lease < MIN_LEASE {
            return Err(Error::spec(format!("`lease` must be at least {MIN_LEASE:?}, got {:?}", self.lease)));
        }
        let bounds = [
            ("max-jobs", self.max_jobs),
            ("max-jobs-of-client", self.max_jobs_of_client),
            ("max-calls-of-client", self.max_calls_of_client),
            ("max-streams", self.max_streams as usize),
            ("max-connections", self.connections.all),
            ("max-connections-of-address", self.connections.of_address),
        ];
        if let Some((name, _)) = bounds.iter().find(|(_, most)| *most == 0) {
            return Err(Error::spec(format!("--{name} must be at least 1, got 0")));
        }
        if self.stall < self.lease {
            let message =
                format!("`stall` must be at least `lease` ({:?}), got {:?}", self.lease, self.stall);
            return Err(Error::spec(message));
        }
        self.http.map_or(Ok(()), |http| self.access.validate(http))?;
        self.access.validate(self.listen)
    }

    /// How often workers beat: well below the lease, so that one lost beat is no lost lease.
    pub(crate) fn heartbeat_ms(&self) -> u64 {
        (self.lease.as_millis() as u64 / 5).clamp(10, MAX_HEARTBEAT_MS)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_beat_well_below_the_lease() {
        let config = CoordinatorConfig::new("/data", Uri::parse("/work").unwrap());
        config.validate().unwrap();
        assert!(u128::from(config.heartbeat_ms()) * 5 <= config.lease.as_millis());
    }

    #[test]
    fn a_lease_that_is_too_short_is_named() {
        let config = CoordinatorConfig {
            lease: Duration::from_millis(1),
            ..CoordinatorConfig::new("/data", Uri::parse("/work").unwrap())
        };
        assert_eq!(config.validate().unwrap_err().message(), "`lease` must be at least 100ms, got 1ms");
    }
}
