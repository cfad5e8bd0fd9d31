//! Handing a job to a coordinator.

use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use tamis_common::spec::JobSpec;
use tamis_common::{Error, Result};
use tamis_proto::v1;

use super::jobs;
use crate::access::ConnectionArgs;
use crate::args::SubmitArgs;
use crate::client::{Client, refused};
use crate::ui;

/// Reads a spec and makes its paths absolute against its folder.
///
/// # Errors
/// `Class::NotFound` for no file, `Class::Spec` for a folder, or one that lists all problems.
pub(crate) fn read_spec(path: &Path) -> Result<JobSpec> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
        ErrorKind::IsADirectory => Error::spec(format!("the job spec `{name}` is a folder"))
            .with_hint("name the TOML or JSON file in it"),
        _ => Error::io("read the job spec", &name, e),
    })?;
    let mut spec = JobSpec::parse(&text, &name)?;
    let absolute = std::path::absolute(path).map_err(|e| Error::io("find", &name, e))?;
    spec.absolutize(absolute.parent().unwrap_or(Path::new("/")));
    Ok(spec)
}

/// A job that was submitted.
pub(crate) struct Submitted {
    pub(crate) id: String,
    /// Whether an earlier call with the same request id made it.
    pub(crate) existed: bool,
}

/// Submits a spec.
///
/// # Errors
/// As the coordinator refuses.
pub(crate) async fn send(
    client: &mut Client,
    spec: &JobSpec,
    replace: bool,
    client_request_id: String,
) -> Result<Submitted> {
    let request = v1::SubmitRequest { spec_json: spec.to_canonical_json(), client_request_id, replace };
    let answer = client.jobs.submit(request).await.map_err(refused)?.into_inner();
    Ok(Submitted { id: answer.job_id, existed: answer.existed })
}

/// `tamis submit`. A wrong spec is said to be wrong whether or not a coordinator is there.
pub(crate) async fn submit(connection: &ConnectionArgs, args: SubmitArgs, json: bool) -> Result<ExitCode> {
    let spec = read_spec(&args.spec)?;
    let mut client = Client::open(connection).await?;
    let Submitted { id: job, existed } = send(&mut client, &spec, args.replace, args.request_id).await?;
    if args.wait {
        ui::note(&format!("job {job}"));
        return jobs::watch(&mut client, &job, !existed, json).await;
    }
    ui::print(&match json {
        true => serde_json::json!({ "job_id": job }).to_string(),
        false => job,
    });
    Ok(ExitCode::SUCCESS)
}
