//! What the command line takes.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tamis_proto::v1::JobState;

use crate::access::{CertsCommand, ConnectionArgs, ServerAccessArgs, TokenCommand};
use crate::telemetry::TelemetryArgs;
use crate::ui;

/// What the environment says, beside the variables that stand with their options.
const ENVIRONMENT: &str = "\
Environment:
  TAMIS_LOG     What is logged: error, warn (the default), info, debug or trace;
                or by module, such as `warn,tamis_worker=debug`
  TAMIS_TOKEN   The token that says who calls, if no --token-file names one
  TAMIS_FAULTS  Folder of a fault budget, for tests: see CONTRIBUTING.md
  NO_COLOR      If it is set to anything, text has no colour
  AWS_*         How buckets are reached: AWS_ACCESS_KEY_ID, AWS_REGION,
                AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, AWS_ALLOW_HTTP";

/// Turns raw text into deduplicated, tokenized training sets.
#[derive(Debug, Parser)]
#[command(name = "tamis", version, about, after_help = ENVIRONMENT)]
pub(crate) struct Cli {
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) telemetry: TelemetryArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a job here: coordinator and workers in this process.
    Run(RunArgs),
    /// Clean and filter a sample of a job here, and show rule by rule what would go.
    Try(TryArgs),
    /// Say what a job would read, make and need, by a rehearsal on a sample of it here.
    Plan(PlanArgs),
    /// Check this machine, its stores, a coordinator that answers, and what a job needs.
    Doctor(DoctorArgs),
    /// List cleaners and filters with their rules, defaults and sources.
    Filters(FiltersArgs),
    /// Serve jobs to clients and tasks to workers.
    Coordinator(CoordinatorArgs),
    /// Do tasks for a coordinator.
    Worker(WorkerArgs),
    /// Hand a job to a coordinator.
    Submit(SubmitArgs),
    /// Follow a job to its end.
    Watch {
        #[command(flatten)]
        job: JobArg,
    },
    /// Say how a job stands.
    Status {
        #[command(flatten)]
        job: JobArg,
    },
    /// List jobs, newest first.
    Jobs(JobsArgs),
    /// End a job that is not published.
    Cancel {
        #[command(flatten)]
        job: JobArg,
    },
    /// Show the report of a published job.
    Report {
        #[command(flatten)]
        job: JobArg,
    },
    /// Say what happened to a document.
    Explain {
        #[command(flatten)]
        job: JobArg,
        /// The document's id.
        document: String,
    },
    /// Go on with a failed or cancelled job from its committed tasks.
    Retry {
        #[command(flatten)]
        job: JobArg,
    },
    /// Find what no job needs in the work folder, and remove it if asked to.
    Gc(GcArgs),
    /// Make a lost or damaged state anew from the work folder, here, while no coordinator runs.
    Recover(RecoverArgs),
    /// List workers.
    Workers,
    /// Ask a worker to finish and leave.
    Drain {
        /// Its id, as `tamis workers` shows it.
        worker: String,
    },
    /// The global dedup index.
    #[command(subcommand)]
    Index(IndexCommand),
    /// Tokens, by which a coordinator knows who calls.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Certificates, by which coordinator and callers know each other.
    #[command(subcommand)]
    Certs(CertsCommand),
    /// Print what a shell needs to complete this command.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

impl Command {
    /// What this process is called among those that send spans.
    pub(crate) fn service_name(&self) -> &'static str {
        match self {
            Self::Run(_) => "tamis-run",
            Self::Coordinator(_) => "tamis-coordinator",
            Self::Worker(_) => "tamis-worker",
            _ => "tamis",
        }
    }

    /// The span of what a client asks for: the root of a job's trace. What runs on has none of its own.
    pub(crate) fn span(&self) -> tracing::Span {
        let name = match self {
            Self::Coordinator(_) | Self::Worker(_) => return tracing::Span::none(),
            Self::Run(_) => "tamis run",
            Self::Submit(_) => "tamis submit",
            Self::Retry { .. } => "tamis retry",
            Self::Cancel { .. } => "tamis cancel",
            _ => "tamis",
        };
        tracing::info_span!("command", otel.name = name, otel.kind = "client")
    }

    /// What is logged unless TAMIS_LOG says otherwise. A run tells the failure of its job itself.
    pub(crate) fn log_filter(&self) -> &'static str {
        match self {
            Self::Run(_) => "warn,tamis_worker::session=error,tamis_coordinator::control=off",
            _ => "warn",
        }
    }

    /// Whether it calls a coordinator.
    pub(crate) fn calls(&self) -> bool {
        match self {
            Self::Run(_)
            | Self::Try(_)
            | Self::Plan(_)
            | Self::Filters(_)
            | Self::Coordinator(_)
            | Self::Recover(_)
            | Self::Index(IndexCommand::Rebuild { .. })
            | Self::Token(_)
            | Self::Certs(_)
            | Self::Completions { .. } => false,
            Self::Doctor(_)
            | Self::Worker(_)
            | Self::Submit(_)
            | Self::Watch { .. }
            | Self::Status { .. }
            | Self::Jobs(_)
            | Self::Cancel { .. }
            | Self::Report { .. }
            | Self::Explain { .. }
            | Self::Retry { .. }
            | Self::Gc(_)
            | Self::Workers
            | Self::Drain { .. }
            | Self::Index(_) => true,
        }
    }

    /// Whether tasks are done in this process: shard after shard, each about as large as the one before.
    pub(crate) fn does_tasks(&self) -> bool {
        matches!(self, Self::Run(_) | Self::Worker(_))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// List indexes.
    List,
    /// Describe one index with its jobs.
    Stats {
        /// The index.
        name: String,
    },
    /// Say which documents of a file stand in an index; nothing is entered.
    Check(CheckArgs),
    /// Remove what a job entered: later jobs no longer find it.
    Forget {
        /// The index.
        name: String,
        #[command(flatten)]
        job: JobArg,
    },
    /// Read every byte of an index and check it.
    Verify {
        /// The index.
        name: String,
    },
    /// Copy an index to a folder on the coordinator's machine.
    Export {
        /// The index.
        name: String,
        /// A folder that is empty or not there.
        folder: PathBuf,
    },
    /// Take an exported index in.
    Import {
        /// What `tamis index export` made.
        folder: PathBuf,
        /// The name it gets; default: the one it had.
        #[arg(long)]
        name: Option<String>,
    },
    /// Make all indexes anew from what published jobs left, here, while no coordinator runs.
    Rebuild {
        /// State and global index.
        #[arg(long, default_value = ".tamis")]
        data_dir: PathBuf,
    },
}

/// A job that a coordinator has.
#[derive(Debug, Args)]
pub(crate) struct JobArg {
    /// Its id, or as much of its beginning as is unique.
    #[arg(value_name = "JOB")]
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    /// Jobs at most; default: all.
    #[arg(long)]
    pub(crate) limit: Option<usize>,
    /// Only jobs in this state; may be given again.
    #[arg(long = "state", value_name = "STATE", value_delimiter = ',')]
    pub(crate) states: Vec<State>,
}

/// A state of a job, by the name that people read.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum State {
    Planning,
    Scanning,
    Waiting,
    Resolving,
    Mixing,
    Emitting,
    Publishing,
    Published,
    Failed,
    Cancelled,
}

impl State {
    /// Whether the job is in it.
    pub(crate) fn is(self, state: JobState) -> bool {
        self.to_possible_value().is_some_and(|value| value.get_name() == ui::state_name(state))
    }
}

/// Where jobs may read and write.
#[derive(Clone, Debug, Args)]
pub(crate) struct AllowArgs {
    /// A folder, file, bucket or prefix (s3://bucket/prefix) that jobs may read; may be given again.
    #[arg(long, value_name = "URI", env = "TAMIS_ALLOW_READ", value_delimiter = ',')]
    pub(crate) allow_read: Vec<String>,
    /// The same that jobs may read and write.
    #[arg(long, value_name = "URI", env = "TAMIS_ALLOW_WRITE", value_delimiter = ',')]
    pub(crate) allow_write: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Remove what is found; without it everything is only listed.
    #[arg(long)]
    pub(crate) remove: bool,
    /// Remove, too, what may belong to another coordinator that shares the work folder.
    #[arg(long, requires = "remove")]
    pub(crate) foreign: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// The folder that gets the new state; the old state is set aside there.
    #[arg(long, default_value = ".tamis")]
    pub(crate) data_dir: PathBuf,
    /// Where the jobs' work stands; default: `work` below the data folder.
    #[arg(long)]
    pub(crate) work: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The index.
    pub(crate) name: String,
    /// The documents: any format that a job reads, a folder or a pattern.
    pub(crate) file: PathBuf,
    /// Jaccard similarity from which a document counts as found, above 0 to 1; default: 0.75.
    #[arg(long)]
    pub(crate) threshold: Option<f64>,
    /// Field or column that holds the text.
    #[arg(long, default_value = "text")]
    pub(crate) text_field: String,
    /// Field or column that holds the id.
    #[arg(long, default_value = "id")]
    pub(crate) id_field: String,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The job spec, TOML or JSON.
    pub(crate) spec: PathBuf,
    /// Tasks at once; default: the cores of this machine.
    #[arg(long)]
    pub(crate) workers: Option<usize>,
    /// Where artefacts stand meanwhile: a folder or an s3:// URI.
    #[arg(long)]
    pub(crate) work: Option<String>,
    /// State and global index.
    #[arg(long, default_value = ".tamis")]
    pub(crate) data_dir: PathBuf,
    /// Replace a filled output folder.
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) allow: AllowArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TryArgs {
    /// The job spec, TOML or JSON.
    pub(crate) spec: PathBuf,
    /// Documents of the sample, of each source the same number.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) docs: usize,
    /// Write a page to look at in a browser, too.
    #[arg(long)]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) allow: AllowArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The job spec, TOML or JSON.
    pub(crate) spec: PathBuf,
    /// Records of the sample, of each source the same number.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) sample_docs: usize,
    /// Tasks at once for which the time is told; default: the cores of this machine.
    #[arg(long)]
    pub(crate) workers: Option<usize>,
    /// Where artefacts would stand: a folder or an s3:// URI; default: `work` below the data folder.
    #[arg(long)]
    pub(crate) work: Option<String>,
    /// State and global index.
    #[arg(long, default_value = ".tamis")]
    pub(crate) data_dir: PathBuf,
    #[command(flatten)]
    pub(crate) allow: AllowArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// A job spec, TOML or JSON, whose inputs, tokenizer, disk and memory are checked, too.
    pub(crate) spec: Option<PathBuf>,
    /// State and global index of a coordinator here.
    #[arg(long, default_value = ".tamis")]
    pub(crate) data_dir: PathBuf,
    /// Artefacts: a folder or an s3:// URI; default: `work` below the data folder.
    #[arg(long)]
    pub(crate) work: Option<String>,
    #[command(flatten)]
    pub(crate) ports: PortArgs,
    #[command(flatten)]
    pub(crate) allow: AllowArgs,
    #[command(flatten)]
    pub(crate) access: ServerAccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct FiltersArgs {
    /// Only this cleaner, filter or preset.
    pub(crate) name: Option<String>,
}

/// Where a coordinator listens for HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HttpAddress {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

impl std::str::FromStr for HttpAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            address => address.parse().map(Self::At).map_err(|e| format!("{e}: write HOST:PORT or `off`")),
        }
    }
}

/// Where a coordinator listens.
#[derive(Debug, Args)]
pub(crate) struct PortArgs {
    /// Where to listen for gRPC; port 0: any free one.
    #[arg(long, default_value = "127.0.0.1:7171")]
    pub(crate) listen: SocketAddr,
    /// Where to listen for HTTP: dashboard, metrics, probes; `off`: nowhere; default: the address of --listen, the next port.
    #[arg(long, env = "TAMIS_HTTP", value_name = "ADDRESS")]
    http: Option<HttpAddress>,
}

impl PortArgs {
    /// Where to listen for HTTP; `None`: nowhere.
    pub(crate) fn http(&self) -> Option<SocketAddr> {
        match self.http {
            Some(HttpAddress::Off) => None,
            Some(HttpAddress::At(address)) => Some(address),
            None => {
                let mut address = self.listen;
                // Any free port stays any free port.
                address.set_port(if address.port() == 0 { 0 } else { address.port().checked_add(1)? });
                Some(address)
            }
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CoordinatorArgs {
    #[command(flatten)]
    pub(crate) ports: PortArgs,
    /// State and global index, on a local disk.
    #[arg(long, default_value = ".tamis")]
    pub(crate) data_dir: PathBuf,
    /// Artefacts, shared by all workers; default: `work` below the data folder.
    #[arg(long)]
    pub(crate) work: Option<String>,
    /// Seconds that an attempt may be silent before its task goes to another worker.
    #[arg(long, default_value_t = 30.0)]
    pub(crate) lease_seconds: f64,
    /// Jobs that have not ended at most.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) max_jobs: usize,
    /// The same of one client, which is known by its token.
    #[arg(long, default_value_t = 250)]
    pub(crate) max_jobs_of_client: usize,
    /// Calls of one client at the same time, which is known by its token; further ones are refused.
    #[arg(long, default_value_t = 2_048)]
    pub(crate) max_calls_of_client: usize,
    /// Connections at the same time; further ones wait.
    #[arg(long, default_value_t = 4_096)]
    pub(crate) max_connections: usize,
    /// Connections of one address at the same time; further ones are closed.
    #[arg(long, default_value_t = 1_024)]
    pub(crate) max_connections_of_address: usize,
    /// Calls of one connection at the same time; further ones wait.
    #[arg(long, default_value_t = 256)]
    pub(crate) max_streams: u32,
    #[command(flatten)]
    pub(crate) allow: AllowArgs,
    #[command(flatten)]
    pub(crate) access: ServerAccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Tasks at once; default: the cores of this machine.
    #[arg(long)]
    pub(crate) slots: Option<usize>,
    /// Wait for a coordinator that is not there yet.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Where to listen for HTTP: metrics and probes; port 0: any free one; default: nowhere.
    #[arg(long, env = "TAMIS_WORKER_HTTP", value_name = "ADDRESS")]
    pub(crate) http: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) allow: AllowArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    /// The job spec, TOML or JSON.
    pub(crate) spec: PathBuf,
    /// Follow the job to its end.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Replace a filled output folder.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Sent twice, it is one job.
    #[arg(long, default_value = "")]
    pub(crate) request_id: String,
}
