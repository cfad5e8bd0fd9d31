//! What goes wrong in a schedule, and how often.

use super::random::Random;

/// How bad a schedule is: each kind of fault is there in about half of all.
#[derive(Clone, Debug, Default)]
pub(super) struct Weather {
    pub(super) loss_percent: u64,
    pub(super) double_percent: u64,
    pub(super) late_percent: u64,
    pub(super) fail_percent: u64,
    pub(super) deaf_percent: u64,
    pub(super) interlude_percent: u64,
    pub(super) faults: Vec<Fault>,
}

/// What goes wrong at a moment of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    CoordinatorDies,
    DiesInWrite,
    DiskRefuses,
    WorkerDies,
    WorkerFreezes,
    WorkerDrains,
    UserCancels,
    UserRetries,
    ClockJumps,
}

impl Fault {
    const ALL: [Self; 9] = [
        Self::CoordinatorDies,
        Self::DiesInWrite,
        Self::DiskRefuses,
        Self::WorkerDies,
        Self::WorkerFreezes,
        Self::WorkerDrains,
        Self::UserCancels,
        Self::UserRetries,
        Self::ClockJumps,
    ];
}

impl Weather {
    pub(super) fn of(random: &mut Random) -> Self {
        let mut some = |most: u64| if random.chance(50) { random.between(1, most) } else { 0 };
        let (loss_percent, double_percent, late_percent) = (some(20), some(20), some(20));
        let (fail_percent, deaf_percent, interlude_percent) = (some(30), some(100), some(40));
        let faults = Fault::ALL.into_iter().filter(|_| random.chance(50)).collect();
        Self {
            loss_percent,
            double_percent,
            late_percent,
            fail_percent,
            deaf_percent,
            interlude_percent,
            faults,
        }
    }
}
