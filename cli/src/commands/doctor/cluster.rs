//! A coordinator and its workers, asked through their own calls.

use std::time::{Duration, SystemTime};

use tamis_common::{Class, Error};
use tamis_proto::{PROTOCOL_RANGE, v1};
use tonic::metadata::MetadataMap;

use super::checks::Checks;
use super::http;
use super::work::{Skew, apart, skew_of};
use crate::access::ConnectionArgs;
use crate::client::{Client, refused};
use crate::ui::counted;

/// Times in certificates and logs are read by people; a job does not depend on them.
const SKEW: Duration = Duration::from_secs(5);
/// An HTTP date has whole seconds.
const TICK: Duration = Duration::from_secs(1);

pub(super) async fn check(checks: &mut Checks, connection: &ConnectionArgs) {
    let url = &connection.coordinator;
    let before = SystemTime::now();
    let answered = match ask(connection).await {
        Ok(answered) => answered,
        Err(error) if error.class() == Class::Unavailable && !connection.names_coordinator() => {
            return checks.ok("coordinator", format!("none answers at {url}, and --coordinator names none"));
        }
        Err(error) => return checks.fail("coordinator", &connection.diagnose(error).await),
    };
    let after = SystemTime::now();
    let (headers, workers) = answered;
    checks.ok("coordinator", format!("answers at {url}"));
    let theirs = match http_of(url) {
        Some(address) => http::version(&address).await,
        None => None,
    };
    versions(checks, theirs.as_deref());
    clock(checks, &headers, before, after);
    check_workers(checks, &workers);
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where a coordinator of the usual ports has its HTTP side: the next port, if that is not encrypted.
fn http_of(url: &str) -> Option<String> {
    let address = url.strip_prefix("http://").unwrap_or(url);
    let (host, port) = address.trim_end_matches('/').rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    (!address.contains("://")).then_some(format!("{host}:{}", port.checked_add(1)?))
}

fn versions(checks: &mut Checks, theirs: Option<&str>) {
    let protocols = format!("{} to {}", PROTOCOL_RANGE.start(), PROTOCOL_RANGE.end());
    let mine = format!("this build has version {VERSION} and speaks protocols {protocols}");
    match theirs {
        None => checks.ok(
            "versions",
            format!(
                "{mine}; the coordinator's is not told: it is asked on the next port, without TLS and token"
            ),
        ),
        Some(VERSION) => checks.ok("versions", format!("{mine}; so has the coordinator")),
        Some(theirs) => checks.warn(
            "versions",
            format!("{mine}; the coordinator has version {theirs}"),
            "bring both to one version; a worker of another protocol is refused with both ranges named",
        ),
    }
}

async fn ask(connection: &ConnectionArgs) -> Result<(MetadataMap, Vec<v1::WorkerStatus>), Error> {
    let mut client = Client::open(connection).await?;
    let listed = client.workers.list(v1::ListWorkersRequest {}).await.map_err(refused)?;
    let headers = listed.metadata().clone();
    Ok((headers, listed.into_inner().workers))
}

fn clock(checks: &mut Checks, headers: &MetadataMap, before: SystemTime, after: SystemTime) {
    let date = headers.get("date").and_then(|date| date.to_str().ok());
    let Some(told) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
        return checks.ok("clock", "the coordinator does not tell its time");
    };
    let skew: Skew = skew_of(told, before - TICK, after);
    let told = format!("the coordinator's clock is {} this machine's", apart(skew));
    match skew.0 > SKEW {
        true => checks.warn(
            "clock",
            told,
            "set both clocks by NTP: times in logs, reports and certificates are theirs",
        ),
        false => checks.ok("clock", told),
    }
}

fn check_workers(checks: &mut Checks, workers: &[v1::WorkerStatus]) {
    if workers.is_empty() {
        return checks.warn(
            "workers",
            "the coordinator has none: its jobs wait",
            "start one with `tamis worker --coordinator URL`",
        );
    }
    let slots: u64 = workers.iter().map(|worker| u64::from(worker.slots)).sum();
    let told = format!("{} with {}", counted(workers.len() as u64, "worker"), counted(slots, "slot"));
    let others: Vec<String> = workers
        .iter()
        .filter(|worker| worker.version != VERSION)
        .map(|worker| format!("{} has {}", worker.worker_id, worker.version))
        .collect();
    match others.is_empty() {
        true => checks.ok(
            "workers",
            format!("{told}, all of version {VERSION}, in a protocol that the coordinator takes"),
        ),
        false => checks.warn(
            "workers",
            format!("{told}; of another version than this one ({VERSION}): {}", others.join(", ")),
            "a job stays with workers of the build that began it: bring all to one version between jobs",
        ),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn of(check: impl FnOnce(&mut Checks)) -> (String, String) {
        let mut checks = Checks::default();
        check(&mut checks);
        let found = checks.to_json()["checks"][0].clone();
        (found["state"].as_str().unwrap().to_owned(), found["detail"].as_str().unwrap().to_owned())
    }

    #[test]
    fn the_coordinators_clock_is_read_from_its_answer() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let clock_of = |date: Option<SystemTime>| {
            let mut headers = MetadataMap::new();
            if let Some(date) = date {
                headers.insert("date", httpdate::fmt_http_date(date).parse().unwrap());
            }
            of(|checks| clock(checks, &headers, now, now))
        };
        assert_eq!(clock_of(Some(now)).0, "ok");
        let (state, detail) = clock_of(Some(now + Duration::from_secs(40)));
        assert_eq!((state.as_str(), detail.contains("40 s ahead")), ("warn", true), "{detail}");
        assert!(clock_of(None).1.contains("does not tell"));
    }

    #[test]
    fn the_coordinators_version_is_compared() {
        assert_eq!(http_of("http://127.0.0.1:7171").as_deref(), Some("127.0.0.1:7172"));
        assert_eq!(http_of("http://[::1]:7171/").as_deref(), Some("[::1]:7172"));
        assert_eq!(http_of("https://host:7171"), None);
        assert_eq!(of(|checks| versions(checks, Some(VERSION))).0, "ok");
        assert_eq!(of(|checks| versions(checks, Some("9.9.9"))).0, "warn");
        assert!(of(|checks| versions(checks, None)).1.contains("is not told"));
    }

    #[test]
    fn workers_of_other_versions_are_named() {
        assert_eq!(of(|checks| check_workers(checks, &[])).0, "warn");
        let worker = |version: &str| v1::WorkerStatus {
            worker_id: "w-1".to_owned(),
            version: version.to_owned(),
            slots: 2,
            ..Default::default()
        };
        assert_eq!(of(|checks| check_workers(checks, &[worker(VERSION)])).0, "ok");
        let (state, detail) = of(|checks| check_workers(checks, &[worker("0.0.1"), worker(VERSION)]));
        assert_eq!(state, "warn");
        assert!(detail.contains("2 workers with 4 slots") && detail.contains("w-1 has 0.0.1"), "{detail}");
    }
}
