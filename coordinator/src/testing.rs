//! What several tests need.

use tamis_common::spec::JobSpec;

/// A spec with one source and an output folder.
pub(crate) fn spec(name: &str, output: &str) -> JobSpec {
    let text = format!(
        "name = {name:?}\n[[source]]\nname = \"web\"\ninputs = [\"/in\"]\n[output]\nuri = {output:?}\n\
         [run]\nshard_bytes = \"1MiB\"\nmax_attempts = 3\n"
    );
    JobSpec::parse(&text, "job.toml").expect("the fixture is a spec")
}

/// A figure of this process's memory, like `VmHWM`.
pub(crate) fn memory_mb(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field is there");
    let kilobytes = line.trim_start_matches(':').trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().expect("a number of kB") / 1024
}
