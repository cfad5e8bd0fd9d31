//! The machine: processor, memory, open files.

use std::fs;

use rustix::process::{Resource, getrlimit};
use tamis_common::spec::show_size;
use tamis_coordinator::report::grouped;

use super::checks::Checks;
use crate::commands::serve::cores;
use crate::ui::counted;

/// A coordinator may have so many connections by default, and opens files of its index beside them.
const WANTED_FILES: u64 = 4_096 + 1_024;

pub(super) fn check(checks: &mut Checks) {
    processor(checks);
    match memory() {
        Some(memory) => checks.ok(
            "memory",
            format!("{} of {} are free for this process", show_size(memory.free), show_size(memory.size)),
        ),
        None => checks.ok("memory", "this system does not tell how much there is"),
    }
    let files = getrlimit(Resource::Nofile).current;
    match files {
        Some(most) if most < WANTED_FILES => checks.warn(
            "open files",
            format!(
                "{} at most: enough for a few workers; a coordinator takes up to 4,096 connections, and opens files of \
                 its index beside them",
                grouped(most)
            ),
            "raise the limit before a coordinator of a larger cluster starts: `ulimit -n 65536`, or LimitNOFILE=65536 in \
             its unit",
        ),
        Some(most) => checks.ok("open files", format!("{} at most", grouped(most))),
        None => checks.ok("open files", "as many as the system has"),
    }
}

fn processor(checks: &mut Checks) {
    let told = format!("{}, {}", counted(cores() as u64, "core"), std::env::consts::ARCH);
    match wide_vectors() {
        Some(name) => checks.ok("processor", format!("{told} with {name}")),
        None => checks.warn(
            "processor",
            format!("{told} without vectors of 256 bits or NEON: searching and checking text take their slow paths"),
            "the output is the same; another kind of machine is faster",
        ),
    }
}

/// The vectors that the libraries for searching and for UTF-8 ask for at run time.
fn wide_vectors() -> Option<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        return std::arch::is_x86_feature_detected!("avx2").then_some("AVX2");
    }
    #[cfg(target_arch = "aarch64")]
    {
        return Some("NEON");
    }
    #[cfg_attr(
        any(target_arch = "x86_64", target_arch = "aarch64"),
        expect(unreachable_code, reason = "other machines")
    )]
    None
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) size: u64,
    pub(super) free: u64,
}

/// What this process may have: the machine's, or less in a container.
pub(super) fn memory() -> Option<Memory> {
    let machine = of_meminfo(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let read = |name: &str| fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok();
    Some(match (read("memory.max"), read("memory.current")) {
        (Some(most), Some(used)) => within(machine, &most, &used),
        _ => machine,
    })
}

fn of_meminfo(text: &str) -> Option<Memory> {
    let bytes_of = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib << 10)
    };
    Some(Memory { size: bytes_of("MemTotal:")?, free: bytes_of("MemAvailable:")? })
}

/// The part of a control group; without a limit its `most` is `max`.
fn within(machine: Memory, most: &str, used: &str) -> Memory {
    let (Ok(most), Ok(used)) = (most.trim().parse::<u64>(), used.trim().parse::<u64>()) else {
        return machine;
    };
    Memory { size: machine.size.min(most), free: machine.free.min(most.saturating_sub(used)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_the_machines_or_less_in_a_container() {
        let text = "MemTotal:       24576 kB\nMemFree:  1 kB\nMemAvailable:   20480 kB\n";
        let machine = Memory { size: 24 << 20, free: 20 << 20 };
        assert_eq!(of_meminfo(text), Some(machine));
        assert_eq!(within(machine, "max\n", "1048576\n"), machine);
        assert_eq!(within(machine, "8388608\n", "1048576\n"), Memory { size: 8 << 20, free: 7 << 20 });
        assert_eq!(of_meminfo("nothing"), None);
    }
}
