//! What a job needs: its inputs, tokenizer and files, room on the disks, memory.

use tamis_common::spec::{JobSpec, show_size};
use tamis_common::storage::{Access, Storage, Uri};
use tamis_common::{Error, Result};
use tamis_coordinator::plan;
use tamis_coordinator::report::grouped;
use tamis_worker::tokenize::{Encoder, Tokenizer};

use super::checks::Checks;
use super::machine::memory;
use crate::commands::plan::tokenizer_of;
use crate::commands::trial::named_files;
use crate::ui::counted;

pub(super) fn check(checks: &mut Checks, storage: &Storage, spec: &JobSpec, work: &Uri) {
    checks.ok("job spec", format!("{}, {}", spec.name, counted(spec.sources.len() as u64, "source")));
    tokenizer(checks, storage, spec);
    if let Err(error) = named_files(storage, spec) {
        checks.fail("named files", &error);
    }
    match plan::plan(storage, spec) {
        Err(error) => checks.fail("inputs", &error),
        Ok(planned) => {
            checks.ok(
                "inputs",
                format!(
                    "{}, {}, {}",
                    counted(planned.inputs.len() as u64, "file"),
                    show_size(planned.bytes),
                    counted(planned.shards.len() as u64, "shard")
                ),
            );
            checks.judge("disk", room(storage, spec, &planned, work));
        }
    }
    output(checks, storage, spec);
    resolve_memory(checks, spec.dedup.resolve_memory);
}

fn tokenizer(checks: &mut Checks, storage: &Storage, spec: &JobSpec) {
    let loaded = tokenizer_of(storage, spec).and_then(|tokenizer| {
        if let (Some(tokenizer), Some(named)) = (&tokenizer, &spec.tokenizer) {
            Encoder::new(tokenizer, named)?;
        }
        Ok(tokenizer)
    });
    let tokenizer = match loaded {
        Ok(Some(tokenizer)) => tokenizer,
        Ok(None) => return checks.ok("tokenizer", "the job names none: no tokens are counted or written"),
        Err(error) => return checks.fail("tokenizer", &error),
    };
    match tokenizer.slow_because() {
        None => checks.ok(
            "tokenizer",
            format!("fastokens agrees with the reference on every probe; {}", identity(&tokenizer)),
        ),
        Some(reason) => checks.warn(
            "tokenizer",
            format!("the reference tokenizes, since fastokens does not fit ({reason}); {}", identity(&tokenizer)),
            "the output is right, but emit takes many times as long: plan for it, or ask who made the file for one that \
             fastokens reads",
        ),
    }
}

fn identity(tokenizer: &Tokenizer) -> String {
    format!("{} tokens, sha256 {}", grouped(tokenizer.vocab_size() as u64), tokenizer.digest())
}

fn room(storage: &Storage, spec: &JobSpec, planned: &plan::Plan, work: &Uri) -> Result<String> {
    let output = Uri::parse(&spec.output.uri)?;
    let needed = plan::estimate(planned, spec);
    plan::check_space(storage, &needed, work, &output)?;
    let needed = show_size(needed.work_bytes.saturating_add(needed.output_bytes));
    Ok(match storage.free_bytes(work)? {
        Some(free) => format!("{} are free below `{work}`, the job needs about {needed}", show_size(free)),
        None => format!("`{work}` is an object store; the job needs about {needed}"),
    })
}

fn output(checks: &mut Checks, storage: &Storage, spec: &JobSpec) {
    let looked = || {
        let output = Uri::parse(&spec.output.uri)?;
        storage.check_named(Access::Write, &output)?;
        Ok((storage.is_empty(&output)?, output))
    };
    match looked() {
        Err(error) => checks.fail("output", &error),
        Ok((true, output)) => checks.ok("output", format!("`{output}` is empty")),
        Ok((false, output)) => checks.warn(
            "output",
            format!("`{output}` is not empty: the job is refused"),
            "say --replace if what stands there may go, or name another `output.uri`",
        ),
    }
}

fn resolve_memory(checks: &mut Checks, wanted: u64) {
    let Some(memory) = memory() else { return };
    let told = format!("resolve takes up to {} (`dedup.resolve_memory`)", show_size(wanted));
    let hint = "set a smaller `resolve_memory` under [dedup]: beyond it, disk is used";
    if wanted > memory.size {
        let error = Error::spec(format!("{told}, and this machine has {}", show_size(memory.size)));
        checks.fail("memory", &error.with_hint(hint));
    } else if wanted > memory.free {
        checks.warn("memory", format!("{told}, and {} are free now", show_size(memory.free)), hint);
    } else {
        checks.ok("memory", told);
    }
}
