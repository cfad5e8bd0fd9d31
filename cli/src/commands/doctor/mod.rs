//! `tamis doctor`: whether this machine, its stores and its coordinator can do what is asked of them.

mod checks;
mod cluster;
mod files;
mod http;
mod job;
mod machine;
mod ports;
mod work;

use std::process::ExitCode;

use tamis_common::storage::Storage;
use tamis_common::{Error, Result};

use super::serve::{places, roots_here};
use super::submit;
use crate::access::ConnectionArgs;
use crate::args::DoctorArgs;
use crate::ui;
use checks::Checks;

/// Checks, tells, and ends with 1 if something failed.
pub(crate) async fn doctor(args: DoctorArgs, connection: &ConnectionArgs, json: bool) -> Result<ExitCode> {
    let (data_dir, work) = places(&args.data_dir, args.work.as_deref())?;
    let mut checks = Checks::default();
    machine::check(&mut checks);
    files::check(&mut checks, &args, connection);
    let runtime = tokio::runtime::Handle::current();
    work::check_data_dir(&mut checks, &data_dir);
    work::check(&mut checks, &Storage::new(runtime.clone()), &work).await;
    ports::check(&mut checks, &args.ports).await;
    cluster::check(&mut checks, connection).await;
    if let Some(path) = &args.spec {
        // A spec that does not read is found here like all else.
        match submit::read_spec(path) {
            Err(error) => checks.fail("job spec", &error),
            Ok(spec) => {
                let storage = Storage::within(runtime, roots_here(&args.allow)?.with_work(&work)?);
                let checking = tokio::task::spawn_blocking(move || {
                    let mut checks = Checks::default();
                    job::check(&mut checks, &storage, &spec, &work);
                    checks
                });
                let of_job = checking
                    .await
                    .map_err(|e| Error::internal(format!("checking the job ended badly: {e}")))?;
                checks.append(of_job);
            }
        }
    }
    match json {
        true => ui::print(&checks.to_json().to_string()),
        false => checks.lines(ui::Paint::of_stdout()).iter().for_each(|line| ui::print(line)),
    }
    Ok(ExitCode::from(u8::from(checks.have_failed())))
}
