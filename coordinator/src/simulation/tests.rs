//! The schedules that are run, and the seeds of what they have found.

use std::time::Instant;

use super::breaks::broken;
use super::{Break, Ground, Tally, Violation, run};

/// Schedules of an ordinary run.
const SCHEDULES: u64 = 3_000;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Runs seeds until one breaks an invariant; then it is run again to tell its steps.
fn run_seeds(seeds: impl Iterator<Item = u64>) -> Result<Tally, Box<Violation>> {
    let ground = Ground::new();
    let mut tally = Tally::default();
    for seed in seeds {
        match run(seed, &ground, false) {
            Ok(one) => tally.add(&one),
            Err(_) => match run(seed, &ground, true) {
                Ok(_) => panic!("seed {seed} broke an invariant once, but not again"),
                Err(violation) => return Err(violation),
            },
        }
    }
    Ok(tally)
}

fn expect_none(ran: Result<Tally, Box<Violation>>) -> Tally {
    ran.unwrap_or_else(|violation| panic!("{violation}"))
}

#[test]
fn no_schedule_breaks_an_invariant() {
    expect_none(run_seeds(0..SCHEDULES));
}

/// `TAMIS_SIMULATION_SCHEDULES` seeds from `TAMIS_SIMULATION_SEED` on.
#[test]
#[ignore = "long: 100,000 schedules, or as many as TAMIS_SIMULATION_SCHEDULES says"]
fn many_schedules() {
    let schedules = setting("TAMIS_SIMULATION_SCHEDULES").unwrap_or(100_000);
    let first = setting("TAMIS_SIMULATION_SEED").unwrap_or(1_000_000);
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let begun = Instant::now();
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let seeds = |thread: u64| (first + thread..first + schedules).step_by(threads as usize);
        let runs: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run_seeds(seeds(thread)))).collect();
        for run in runs {
            tally.add(&expect_none(run.join().expect("a thread of schedules ends well")));
        }
    });
    println!("{tally}{:>12.1}  seconds on {threads} threads", begun.elapsed().as_secs_f64());
}

#[test]
#[ignore = "of use with TAMIS_SIMULATION_SEED"]
fn one_schedule() {
    let seed = setting("TAMIS_SIMULATION_SEED").expect("TAMIS_SIMULATION_SEED names the schedule");
    println!("{}", expect_none(run_seeds(seed..=seed)));
}

/// The bugs that the simulation has found, by their seeds.
fn expect_mended(seed: u64) {
    expect_none(run_seeds(seed..=seed));
}

#[test]
fn a_cancel_is_not_undone_by_the_step_to_resolve_that_was_due_before_it() {
    expect_mended(2134);
}

#[test]
fn a_cancel_is_not_undone_by_the_step_to_publish_that_was_due_before_it() {
    expect_mended(8502);
}

#[test]
fn jobs_of_workers_of_two_builds_take_turns() {
    expect_mended(1568);
}

#[test]
fn a_sweep_leaves_the_files_of_a_retry_that_came_meanwhile() {
    expect_mended(524);
}

/// The first of some schedules that sees a break.
fn seen(rule: Break, needles: &[&str]) {
    let found = broken(rule, || run_seeds(0..SCHEDULES)).expect_err("the break is seen");
    assert!(needles.iter().any(|needle| found.problem.contains(needle)), "{found}");
    expect_none(run_seeds(found.seed..=found.seed));
}

#[test]
fn a_second_result_of_a_task_is_seen() {
    seen(Break::SecondCommit, &["has the results of attempts"]);
}

#[test]
fn a_result_without_a_lease_is_seen() {
    seen(Break::UnfencedCommit, &["which has no lease"]);
}

#[test]
fn a_beat_that_goes_on_without_a_lease_is_seen() {
    seen(Break::UnfencedBeat, &["may go on without a lease"]);
}

#[test]
fn a_lease_that_ends_within_a_lease_time_of_a_start_is_seen() {
    seen(Break::NoGrace, &["ms of silence"]);
}
