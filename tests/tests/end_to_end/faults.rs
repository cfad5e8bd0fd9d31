//! Faults in a cluster of processes. Whatever happens, the output is that of an undisturbed run; what each fault does to
//! a user stands in `docs/faults.md`, which names these tests.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use tamis_common::fault::{Fault, Point};
use tamis_proto::v1::JobState;
use tamis_tests::chaos::{Calm, Cluster, Dice, JOBS};
use tamis_tests::output::Output;

static CALM: LazyLock<Calm> = LazyLock::new(Calm::prepare);

/// Runs a job in a cluster of two workers, with what `arm` arms before, and checks that it left what the calm did. The
/// folder goes with its owner.
fn storm(name: &str, arm: impl FnOnce(&mut Cluster)) -> (Cluster, tempfile::TempDir) {
    let folder = CALM.copy();
    let mut cluster = Cluster::start(folder.path(), 2, &[], &[]);
    arm(&mut cluster);
    let job = cluster.submit(&format!("{name}.toml"), "storm");
    cluster.until_published(&job);
    CALM.check(&mut cluster, folder.path(), name, &job);
    (cluster, folder)
}

/// Arms faults, a point each, and checks that all have fired.
fn storm_of(name: &str, faults: &[(Point, Fault)]) -> Cluster {
    let (cluster, _folder) =
        storm(name, |cluster| faults.iter().for_each(|(point, fault)| cluster.budget.arm(*point, 0, *fault)));
    let fired: BTreeSet<Point> = cluster.budget.fired().into_iter().map(|(point, _)| point).collect();
    for (point, fault) in faults {
        assert!(fired.contains(point), "{} did not fire at {}", fault.name(), point.name());
    }
    cluster
}

#[test]
fn a_kill_at_every_durable_step_changes_no_byte() {
    // Merges come with the last of four runs, and the beat with a worker that is busy for long enough.
    let points: Vec<Point> = Point::ALL.iter().copied().filter(|point| *point != Point::BeatReply).collect();
    for (number, points) in points.chunks(points.len().div_ceil(4)).enumerate() {
        let kills: Vec<_> = points.iter().map(|point| (*point, Fault::Kill)).collect();
        let name = ["plain", "full", "mixed"][number % 3];
        let cluster = storm_of(name, &kills);
        assert_eq!(cluster.restarts, kills.len(), "each kill ended one process, and nothing else did");
    }
}

#[test]
fn a_worker_that_stands_still_longer_than_its_lease_commits_in_vain() {
    let cluster = storm_of("plain", &[(Point::CommitSend, Fault::Stop), (Point::ObjectBefore, Fault::Stop)]);
    // Two threads that stop their process at the same moment make one stop.
    assert!((1..=2).contains(&cluster.stops), "{} stops", cluster.stops);
}

#[test]
fn a_coordinator_that_stands_still_longer_than_a_lease_goes_on() {
    let points = [Point::GrantAfter, Point::CommitAfter, Point::StepAfter, Point::PublishFile];
    let cluster = storm_of("plain", &points.map(|point| (point, Fault::Stop)));
    assert!((1..=4).contains(&cluster.stops), "{} stops", cluster.stops);
}

#[test]
fn lost_answers_and_doubled_messages_change_nothing() {
    storm_of(
        "mixed",
        &[
            (Point::GrantReply, Fault::Lose),
            (Point::CommitReply, Fault::Lose),
            (Point::CommitSend, Fault::Twice),
            (Point::CommitReply, Fault::Lose),
        ],
    );
}

#[test]
fn a_slow_disk_and_one_that_fails_now_and_then_only_take_time() {
    storm_of(
        "plain",
        &[
            (Point::ObjectBefore, Fault::Slow(1_500)),
            (Point::CommitBefore, Fault::Slow(1_500)),
            (Point::PublishFile, Fault::Slow(500)),
            (Point::ObjectAfter, Fault::Fail),
            (Point::GrantBefore, Fault::Fail),
            (Point::CommitBefore, Fault::Fail),
            (Point::StepBefore, Fault::Fail),
            (Point::ResolvePropose, Fault::Fail),
            (Point::ResolveVerdicts, Fault::Fail),
            (Point::PublishReports, Fault::Fail),
            (Point::IndexRecordBefore, Fault::Fail),
            (Point::IndexMergeAfter, Fault::Fail),
            (Point::SweepBefore, Fault::Fail),
        ],
    );
}

#[test]
fn cut_and_slow_connections_and_a_parted_network_change_nothing() {
    /// More would be a network through which nothing ever gets.
    const CUTS: usize = 12;
    let mut cuts = 0;
    let folder = CALM.copy();
    let mut cluster = Cluster::start(folder.path(), 2, &[], &[]);
    // A task takes long enough that connections are cut within it.
    (0..6).for_each(|_| cluster.budget.arm(Point::ObjectBefore, 1, Fault::Slow(150)));
    cluster.proxy.delay(20);
    let job = cluster.submit("plain.toml", "storm");
    cluster.until(&job, |cluster, status| {
        if status.state() == JobState::Published {
            return true;
        }
        if cuts == CUTS {
            return false;
        }
        cuts += 1;
        cluster.proxy.cut();
        // Longer than a lease, once.
        if cuts == CUTS / 2 {
            cluster.proxy.part(true);
            std::thread::sleep(std::time::Duration::from_millis(1_500));
            cluster.proxy.part(false);
        }
        std::thread::sleep(std::time::Duration::from_millis(150));
        false
    });
    assert!(cuts > CUTS / 2, "the job ended after {cuts} cuts");
    CALM.check(&mut cluster, folder.path(), "plain", &job);
}

#[test]
fn a_clock_that_jumps_moves_times_that_people_read_and_nothing_else() {
    let mut jumps = [86_400_000, -86_400_000, 3_600_000_000].into_iter().cycle();
    let folder = CALM.copy();
    let mut cluster = Cluster::start(folder.path(), 2, &[], &[]);
    cluster.budget.set_clock(-3_600_000);
    cluster.budget.arm(Point::StepAfter, 1, Fault::Kill);
    let job = cluster.submit("plain.toml", "storm");
    cluster.until(&job, |cluster, status| {
        cluster.budget.set_clock(jumps.next().unwrap_or_default());
        status.state() == JobState::Published
    });
    CALM.check(&mut cluster, folder.path(), "plain", &job);
    assert_eq!(cluster.budget.fired(), [(Point::StepAfter, Fault::Kill)]);
    let run = Output::new(folder.path().join("plain")).json("run.json");
    let time = |name: &str| run[name].as_i64().unwrap();
    let hours = (time("published_at_ms") - time("submitted_at_ms")).abs() / 3_600_000;
    assert!(hours >= 20, "the clock jumped by {hours} hours");
}

/// Faults that a point can have, beside a kill and a stop, which every point can.
fn faults_of(point: Point) -> Vec<Fault> {
    let mut faults = vec![Fault::Kill, Fault::Kill, Fault::Stop, Fault::Slow(300)];
    match point {
        Point::GrantReply | Point::BeatReply | Point::CommitReply => faults.push(Fault::Lose),
        Point::CommitSend => faults.push(Fault::Twice),
        // Behind these nothing can fail: what was made durable is.
        Point::GrantAfter | Point::CommitAfter | Point::StepAfter | Point::IndexRecordAfter => {}
        _ => faults.extend([Fault::Fail, Fault::Full]),
    }
    faults
}

/// What a round did, by kind of fault.
#[derive(Default)]
struct Tally(BTreeMap<String, usize>);

impl Tally {
    fn add(&mut self, kind: &str, times: usize) {
        *self.0.entry(kind.to_owned()).or_default() += times;
    }
}

/// One job under faults drawn from `dice`.
fn round(dice: &mut Dice, tally: &mut Tally) {
    let folder = CALM.copy();
    let name = dice.one_of(&JOBS).0;
    let mut cluster = Cluster::start(folder.path(), 1 + dice.below(3), &[], &[]);
    for _ in 0..2 + dice.below(5) {
        let point = dice.one_of(Point::ALL);
        cluster.budget.arm(point, dice.below(4), dice.one_of(&faults_of(point)));
    }
    cluster.proxy.delay(dice.one_of(&[0, 0, 0, 5, 30]));
    let mut strokes = dice.below(4);
    let job = cluster.submit(&format!("{name}.toml"), "storm");
    cluster.until(&job, |cluster, status| {
        if status.state() == JobState::Published {
            return true;
        }
        if strokes == 0 || dice.below(6) != 0 {
            return false;
        }
        strokes -= 1;
        let members = cluster.members();
        let kind = match dice.below(6) {
            0 | 1 => {
                cluster.kill(dice.one_of(&members));
                "kill at a random time"
            }
            2 => {
                cluster.stop(dice.one_of(&members));
                "stop at a random time"
            }
            3 => {
                cluster.proxy.cut();
                "connections cut"
            }
            4 => {
                cluster.proxy.part(true);
                std::thread::sleep(std::time::Duration::from_millis(1_300));
                cluster.proxy.part(false);
                "network parted"
            }
            _ => {
                cluster.budget.set_clock(dice.one_of(&[-86_400_000, 3_600_000, 86_400_000_000]));
                "clock jump"
            }
        };
        tally.add(kind, 1);
        false
    });
    CALM.check(&mut cluster, folder.path(), name, &job);
    for (_, fault) in cluster.budget.fired() {
        let name = fault.name();
        tally.add(&format!("{} at a point", name.split('_').next().unwrap_or(&name)), 1);
    }
    tally.add("(jobs retried by hand)", cluster.retries);
}

#[test]
#[ignore = "runs for as long as TAMIS_CHAOS_MINUTES says: tests/chaos.sh"]
fn rounds_of_chance() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seed = number("TAMIS_CHAOS_SEED").unwrap_or(1);
    let minutes = number("TAMIS_CHAOS_MINUTES").unwrap_or(1);
    let most = number("TAMIS_CHAOS_ROUNDS").unwrap_or(u64::MAX);
    let begun = std::time::Instant::now();
    let mut tally = Tally::default();
    let mut rounds = 0;
    while rounds < most && begun.elapsed().as_secs() < minutes * 60 {
        // What `--seed` with this number and `--rounds 1` plays again.
        println!("round {rounds}: seed {}", seed + rounds);
        round(&mut Dice(seed + rounds), &mut tally);
        rounds += 1;
    }
    println!("seed {seed}: {rounds} jobs completed in {} s, no difference", begun.elapsed().as_secs());
    let faults: usize =
        tally.0.iter().filter(|(kind, _)| !kind.starts_with('(')).map(|(_, times)| times).sum();
    println!("{faults} faults");
    for (kind, times) in &tally.0 {
        println!("{times:6}  {kind}");
    }
}
