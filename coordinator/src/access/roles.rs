//! Which call needs which role. This table is the only place that says so.

use std::fmt;
use std::str::FromStr;

use tamis_common::{Error, Result};

/// What the holder of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// See jobs, reports, indexes and workers.
    Read,
    /// What [`Role::Read`] may; submit, cancel and retry jobs.
    Submit,
    /// Everything that clients may do.
    Operate,
    /// Only what a worker calls: it takes tasks and brings their results.
    Worker,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Read, Self::Submit, Self::Operate, Self::Worker];

    /// Whether this role may do what needs `needed`. Nobody but a worker may pose as one.
    pub fn includes(self, needed: Self) -> bool {
        match self {
            Self::Read => needed == Self::Read,
            Self::Submit => matches!(needed, Self::Read | Self::Submit),
            Self::Operate => matches!(needed, Self::Read | Self::Submit | Self::Operate),
            Self::Worker => needed == Self::Worker,
        }
    }

    /// Whether calls that need it change what people answer for. Workers call all the time, and are seen in the attempts.
    pub(crate) fn changes(self) -> bool {
        matches!(self, Self::Submit | Self::Operate)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Operate => "operate",
            Self::Worker => "worker",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| {
            Error::spec(format!("a role must be one of read, submit, operate, worker, got `{text}`"))
        })
    }
}

/// What a call needs where tokens are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// No token.
    Open,
    /// A token of a role that includes this one.
    Needs(Role),
}

const READ: Rule = Rule::Needs(Role::Read);
const SUBMIT: Rule = Rule::Needs(Role::Submit);
const OPERATE: Rule = Rule::Needs(Role::Operate);
const WORKER: Rule = Rule::Needs(Role::Worker);

/// Every method of every service that the coordinator serves.
const TABLE: &[(&str, &[(&str, Rule)])] = &[
    (
        "tamis.v1.JobService",
        &[
            ("Get", READ),
            ("List", READ),
            ("Watch", READ),
            ("GetReport", READ),
            ("Explain", READ),
            ("ListTasks", READ),
            ("GetFigures", READ),
            ("ListDrops", READ),
            ("ReadDocument", READ),
            ("ListOutput", READ),
            ("ReadOutput", READ),
            ("Submit", SUBMIT),
            ("Cancel", SUBMIT),
            ("Retry", SUBMIT),
            ("CollectGarbage", OPERATE),
        ],
    ),
    (
        "tamis.v1.IndexService",
        &[
            ("List", READ),
            ("Describe", READ),
            ("Check", READ),
            ("Forget", OPERATE),
            ("Verify", OPERATE),
            ("Export", OPERATE),
            ("Import", OPERATE),
        ],
    ),
    (
        "tamis.v1.WorkerService",
        &[
            ("List", READ),
            ("Drain", OPERATE),
            ("Register", WORKER),
            ("AcquireTasks", WORKER),
            ("Heartbeat", WORKER),
            ("CommitTask", WORKER),
            ("FailTask", WORKER),
            ("ReleaseTask", WORKER),
        ],
    ),
    // Load balancers and supervisors hold no tokens.
    ("grpc.health.v1.Health", &[("Check", Rule::Open), ("Watch", Rule::Open)]),
    ("grpc.reflection.v1.ServerReflection", &[("ServerReflectionInfo", READ)]),
];

/// The rule of a gRPC path, `/package.Service/Method`; `None` for calls that are not served: those are closed.
pub(crate) fn rule_of(path: &str) -> Option<Rule> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    let (_, methods) = TABLE.iter().find(|(name, _)| *name == service)?;
    methods.iter().find(|(name, _)| *name == method).map(|(_, rule)| *rule)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;

    /// The paths of all methods that the server's descriptors name.
    fn served() -> BTreeSet<String> {
        let sets = [
            tamis_proto::DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        ];
        let mut paths = BTreeSet::new();
        for file in sets.into_iter().flat_map(|set| FileDescriptorSet::decode(set).unwrap().file) {
            for service in &file.service {
                for method in &service.method {
                    paths.insert(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
                }
            }
        }
        paths
    }

    #[test]
    fn every_method_that_is_served_has_a_row_and_every_row_a_method() {
        let served = served();
        assert!(served.len() > 20, "{served:?}");
        let without: Vec<_> = served.iter().filter(|path| rule_of(path).is_none()).collect();
        assert!(without.is_empty(), "no role is said in coordinator/src/access/roles.rs for {without:?}");
        for (service, methods) in TABLE {
            for (method, _) in *methods {
                let path = format!("/{service}/{method}");
                assert!(served.contains(&path), "{path} has a row, but is not served");
            }
        }
    }

    #[test]
    fn only_health_is_open_and_only_workers_do_what_workers_do() {
        for path in served() {
            let rule = rule_of(&path).unwrap();
            assert_eq!(rule == Rule::Open, path.starts_with("/grpc.health."), "{path}");
            let client = ["/List", "/Drain"].iter().any(|method| path.ends_with(method));
            let of_workers = path.starts_with("/tamis.v1.WorkerService/") && !client;
            assert_eq!(rule == WORKER, of_workers, "{path}");
        }
    }

    #[test]
    fn the_table_for_people_is_this_one() {
        let page = include_str!("../../../docs/security.md");
        for (service, methods) in TABLE.iter().filter(|(service, _)| !service.ends_with(".Health")) {
            let start = format!("| `{}` |", service.rsplit('.').next().unwrap());
            let row = page.lines().find(|line| line.starts_with(&start)).expect("a row of docs/security.md");
            let columns: Vec<&str> = row.trim_matches('|').split('|').skip(1).collect();
            for (role, column) in Role::ALL.into_iter().zip(columns) {
                let told: BTreeSet<&str> =
                    column.split(',').map(str::trim).filter(|m| !m.is_empty()).collect();
                let ruled = methods.iter().filter(|(_, rule)| *rule == Rule::Needs(role));
                assert_eq!(told, ruled.map(|(method, _)| *method).collect(), "{service}, {role}");
            }
        }
    }

    #[test]
    fn roles_are_read_as_they_are_written() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse::<Role>().unwrap(), role);
        }
        let wrong = "root".parse::<Role>().unwrap_err();
        assert_eq!(wrong.message(), "a role must be one of read, submit, operate, worker, got `root`");
    }
}
