//! What the process says of itself: logs on stderr, and spans to a collector if one is named.

use std::time::Duration;

use clap::{Args, ValueEnum};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tamis_common::{Error, Result};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry};

use crate::ui::{self, Stderr};

/// What is logged and how.
const LOG_VARIABLE: &str = "TAMIS_LOG";
/// The end of a process does not wait longer for a collector.
const LAST_EXPORT: Duration = Duration::from_secs(3);
/// Spans of these are exported; those of the libraries below tell nothing of a job.
const OWN_TARGETS: &str = "tamis";

/// How lines of the log look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What the command line takes about it.
#[derive(Debug, Args)]
pub(crate) struct TelemetryArgs {
    /// How lines of the log on stderr look; TAMIS_LOG says what is logged: error, warn (default), info, debug, trace.
    #[arg(
        long,
        global = true,
        env = "TAMIS_LOG_FORMAT",
        value_enum,
        default_value = "text",
        help_heading = "Telemetry"
    )]
    log_format: LogFormat,
    /// Send spans to an OpenTelemetry collector, OTLP over gRPC: http://HOST:4317; https:// encrypts.
    #[arg(long, global = true, env = "TAMIS_OTLP", value_name = "URL", help_heading = "Telemetry")]
    otlp: Option<String>,
}

/// Writes lines to stderr as a function leaves them; each comes as a whole.
struct Escaped(fn(&str) -> String);

impl std::io::Write for Escaped {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = self.0(text.strip_suffix('\n').unwrap_or(&text));
        Stderr.write_all(format!("{text}\n").as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Stderr.flush()
    }
}

/// Sends what is left at the end of the process.
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Begins to log and, if asked, to export. `quiet` modules say only what is an error unless TAMIS_LOG asks for more. Needs
    /// the async threads.
    ///
    /// # Errors
    /// `Class::Spec` for a URL that is none.
    pub(crate) fn begin(args: &TelemetryArgs, service: &'static str, default_filter: &str) -> Result<Self> {
        let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new(default_filter));
        // No colours: names of files and fields stand in the log, and what they would do to a terminal is escaped.
        let log = tracing_subscriber::fmt::layer::<Registry>().with_ansi(false);
        let log = match args.log_format {
            LogFormat::Text => log.with_writer(|| Escaped(ui::plain_line)).with_filter(filter).boxed(),
            LogFormat::Json => {
                let log = log.json().flatten_event(true).with_writer(|| Escaped(ui::shown_json));
                log.with_filter(filter).boxed()
            }
        };
        let provider = args.otlp.as_deref().map(|url| provider(url, service)).transpose()?;
        let spans = provider.as_ref().map(|provider| {
            let own = Targets::new().with_target(OWN_TARGETS, LevelFilter::INFO);
            tracing_opentelemetry::layer().with_tracer(provider.tracer("tamis")).with_filter(own)
        });
        tracing_subscriber::registry().with(log).with(spans).init();
        Ok(Self(provider))
    }

    /// Sends what is left. Blocks a little while for a collector that does not answer.
    pub(crate) fn end(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown_with_timeout(LAST_EXPORT)
        {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

fn provider(url: &str, service: &'static str) -> Result<SdkTracerProvider> {
    let wrong = |why: String| {
        Error::spec(format!("spans cannot be sent to `{url}`: {why}"))
            .with_hint("--otlp (TAMIS_OTLP) must be the URL of a collector, as in http://127.0.0.1:4317")
    };
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(wrong("it does not begin with http:// or https://".to_owned()));
    }
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(url).build();
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter.map_err(|e| wrong(e.to_string()))?)
        .with_resource(resource.build())
        .build())
}
