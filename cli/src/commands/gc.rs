//! `tamis gc`: what no job needs in the work folder.

use std::process::ExitCode;

use serde_json::json;
use tamis_common::Result;
use tamis_proto::v1;

use crate::args::GcArgs;
use crate::client::{Client, refused};
use crate::ui;

/// Lists what is found, and removes it if asked to.
pub(crate) async fn collect(client: &mut Client, args: GcArgs, json: bool) -> Result<ExitCode> {
    let request = v1::CollectGarbageRequest { remove: args.remove, foreign: args.foreign };
    let found = client.jobs.collect_garbage(request).await.map_err(refused)?.into_inner().found;
    for garbage in &found {
        ui::print(&match json {
            true => json!({
                "uri": garbage.uri, "bytes": garbage.bytes, "reason": garbage.reason,
                "foreign": garbage.foreign, "removed": garbage.removed,
            })
            .to_string(),
            false => {
                let verb = if garbage.removed { "removed" } else { "found" };
                let (uri, reason) = (ui::plain(&garbage.uri), ui::plain(&garbage.reason));
                format!("{verb}  {:>14} bytes  {uri}  {reason}", garbage.bytes)
            }
        });
    }
    let left = |foreign: bool| found.iter().filter(move |g| !g.removed && g.foreign == foreign).count();
    match (left(false), left(true)) {
        (0, 0) if found.is_empty() => ui::note("nothing was found"),
        (0, 0) => {}
        (0, foreign) => ui::note(&format!(
            "{foreign} may belong to another coordinator that shares the work folder: --remove --foreign removes them, too"
        )),
        (_, _) => ui::note("nothing was removed yet: --remove does"),
    }
    Ok(ExitCode::SUCCESS)
}
