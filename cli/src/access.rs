//! What the command line takes about who may do what, on both sides.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Subcommand};
use tamis_common::secret::{Secret, read_private};
use tamis_common::{Error, Result};
use tamis_coordinator::access::{AccessConfig, Role, TlsFiles};
use tamis_proto::connect::Access;
use tamis_proto::tls::IdentityFiles;

/// Holds the token itself. No flag does: others can read the arguments of a process.
const TOKEN_VARIABLE: &str = "TAMIS_TOKEN";

/// How a coordinator is reached, and which of that the command line names itself.
#[derive(Debug)]
pub(crate) struct ConnectionArgs {
    flags: ConnectionFlags,
    given: Vec<String>,
}

impl Deref for ConnectionArgs {
    type Target = ConnectionFlags;

    fn deref(&self) -> &ConnectionFlags {
        &self.flags
    }
}

impl FromArgMatches for ConnectionArgs {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let flags = ConnectionFlags::augment_args(Command::default());
        let is_given =
            |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        let given = flags.get_arguments().filter(is_given).filter_map(Arg::get_long).map(ToOwned::to_owned);
        Ok(Self { flags: ConnectionFlags::from_arg_matches(matches)?, given: given.collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for ConnectionArgs {
    fn augment_args(command: Command) -> Command {
        ConnectionFlags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        ConnectionFlags::augment_args_for_update(command)
    }
}

impl ConnectionArgs {
    /// Refuses flags that a command which calls no coordinator would ignore. What the environment says is for all
    /// commands.
    ///
    /// # Errors
    /// `Class::Spec` that names them.
    pub(crate) fn refuse_unused(&self, is_server: bool) -> Result<()> {
        let unused = self.given.iter().filter(|flag| !(is_server && *flag == "insecure"));
        let unused: Vec<String> = unused.map(|flag| format!("--{flag}")).collect();
        if unused.is_empty() {
            return Ok(());
        }
        let flags = unused.join(", ");
        Err(Error::spec(format!("{flags}: this command calls no coordinator")).with_hint(match is_server {
            true => {
                "a coordinator shows its own certificate by --tls-cert and --tls-key, and knows callers by \
                     --tls-client-ca and --tokens"
            }
            false => "leave it out",
        }))
    }

    /// Whether the command line names the coordinator.
    pub(crate) fn names_coordinator(&self) -> bool {
        self.given.iter().any(|flag| flag == "coordinator")
    }
}

#[derive(Debug, Args)]
pub(crate) struct ConnectionFlags {
    /// The coordinator to call; https:// encrypts.
    #[arg(long, global = true, env = "TAMIS_COORDINATOR", default_value = "http://127.0.0.1:7171")]
    pub(crate) coordinator: String,
    /// Authority that signed the coordinator's certificate, PEM; default: those that this machine trusts.
    #[arg(long, global = true, env = "TAMIS_TLS_CA", value_name = "FILE", help_heading = "Access")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// Certificate to show to the coordinator, PEM.
    #[arg(long, global = true, env = "TAMIS_CLIENT_CERT", value_name = "FILE", help_heading = "Access")]
    pub(crate) client_cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, global = true, env = "TAMIS_CLIENT_KEY", value_name = "FILE", help_heading = "Access")]
    pub(crate) client_key: Option<PathBuf>,
    /// File with the token that says who calls; without it the variable TAMIS_TOKEN may hold the token.
    #[arg(long, global = true, env = "TAMIS_TOKEN_FILE", value_name = "FILE", help_heading = "Access")]
    pub(crate) token_file: Option<PathBuf>,
    /// Allow what others in the network could read or misuse: a token over http://, a coordinator that knows nobody.
    #[arg(long, global = true, help_heading = "Access")]
    pub(crate) insecure: bool,
}

impl ConnectionFlags {
    /// Files that no job may read.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Path> {
        self.client_key.iter().chain(&self.token_file).map(PathBuf::as_path)
    }

    /// With what the coordinator is reached.
    ///
    /// # Errors
    /// `Class::Spec` for a certificate without its key or an empty token, or of the file system.
    pub(crate) fn access(&self) -> Result<Access> {
        let identity = match (&self.client_cert, &self.client_key) {
            (Some(cert), Some(key)) => Some(IdentityFiles { cert: cert.clone(), key: key.clone() }),
            (None, None) => None,
            (Some(_), None) => return Err(Error::spec("--client-cert needs --client-key, too")),
            (None, Some(_)) => return Err(Error::spec("--client-key needs --client-cert, too")),
        };
        Ok(Access { ca: self.tls_ca.clone(), identity, token: self.token()?, insecure: self.insecure })
    }

    /// A clearer error where TLS is why nobody answered.
    pub(crate) async fn diagnose(&self, error: Error) -> Error {
        match self.access() {
            Ok(access) => access.diagnose(&self.coordinator, error).await,
            Err(_) => error,
        }
    }

    fn token(&self) -> Result<Option<Secret<String>>> {
        let (token, whence) = match &self.token_file {
            Some(path) => (read_private("the token", path)?, format!("`{}`", path.display())),
            None => match std::env::var(TOKEN_VARIABLE) {
                Ok(token) => (Secret::new(token), TOKEN_VARIABLE.to_owned()),
                Err(std::env::VarError::NotPresent) => return Ok(None),
                // Its error would show the value.
                Err(_) => return Err(Error::spec(format!("{TOKEN_VARIABLE} holds no text"))),
            },
        };
        let token = Secret::new(token.expose().trim().to_owned());
        if token.expose().is_empty() {
            return Err(Error::spec(format!("{whence} holds no token")).with_hint(
                "`tamis token new` makes one; to call without a token, unset what names this one",
            ));
        }
        Ok(Some(token))
    }
}

/// How a coordinator knows its callers.
#[derive(Debug, Args)]
pub(crate) struct ServerAccessArgs {
    /// Certificate to show to callers, PEM; the port then speaks TLS only.
    #[arg(long, requires = "tls_key", value_name = "FILE", help_heading = "Access")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, requires = "tls_cert", value_name = "FILE", help_heading = "Access")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Demand from each caller a certificate that one of these authorities signed, PEM.
    #[arg(long, requires = "tls_cert", value_name = "FILE", help_heading = "Access")]
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// File of `tamis token`: each call must carry a token whose role allows it.
    #[arg(long, value_name = "FILE", help_heading = "Access")]
    pub(crate) tokens: Option<PathBuf>,
}

impl ServerAccessArgs {
    /// Files that no job may read.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Path> {
        self.tls_key.iter().chain(&self.tokens).map(PathBuf::as_path)
    }

    /// Whether the ports speak TLS only.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// The coordinator's settings.
    pub(crate) fn config(self, insecure: bool) -> AccessConfig {
        let tls = self.tls_cert.zip(self.tls_key).map(|(cert, key)| TlsFiles {
            identity: IdentityFiles { cert, key },
            client_ca: self.tls_client_ca,
        });
        AccessConfig { tls, tokens: self.tokens, insecure }
    }
}

/// `tamis token`
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and show its secret, this once.
    New {
        /// What its holder may do: read, submit (and read, cancel, retry), operate (everything that clients do) or worker.
        #[arg(long)]
        role: Role,
        /// Whose it is, for people to read.
        #[arg(long)]
        name: String,
        /// The coordinator's file of tokens; made if there is none.
        #[arg(long, value_name = "FILE")]
        tokens: PathBuf,
        /// Write the secret to this new file, which only you may read, instead of showing it.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// List tokens, without their secrets.
    List {
        /// The coordinator's file of tokens.
        #[arg(long, value_name = "FILE")]
        tokens: PathBuf,
    },
    /// Take a token back: a running coordinator refuses it within a second.
    Revoke {
        /// The token's id, as `tamis token list` shows it.
        id: String,
        /// The coordinator's file of tokens.
        #[arg(long, value_name = "FILE")]
        tokens: PathBuf,
    },
}

/// `tamis certs`
#[derive(Debug, Subcommand)]
pub(crate) enum CertsCommand {
    /// Make an authority with certificates for coordinator and callers, for a test cluster; valid for a year.
    Init {
        /// The folder that gets them.
        folder: PathBuf,
        /// A host name or address at which the coordinator is called, beside localhost and 127.0.0.1; may be repeated.
        #[arg(long = "host", value_name = "NAME")]
        hosts: Vec<String>,
    },
}
