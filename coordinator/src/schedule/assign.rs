//! Which jobs the free slots of a worker go to.

use tamis_common::ids::JobId;

/// A running job that the worker may serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The job. Candidates are sorted by it.
    pub job: JobId,
    /// Tasks that may be granted now.
    pub ready: u32,
    /// Tasks that are granted.
    pub running: u32,
    /// Tasks that the job may hold at once; 0: no cap.
    pub max_slots: u32,
    /// The place of its last grant among all grants. A place that all grants share, not a mark behind the job
    /// that was served last: workers of different builds may serve different jobs, and between them a job would be
    /// passed over for ever.
    pub served: u64,
}

/// The candidates (as indices) that get a slot, in the order of granting: round-robin, beginning with the one that has
/// waited longest.
pub fn assign(candidates: &[Candidate], slots: u32) -> Vec<usize> {
    let mut room: Vec<u32> = candidates
        .iter()
        .map(|candidate| match candidate.max_slots {
            0 => candidate.ready,
            cap => candidate.ready.min(cap.saturating_sub(candidate.running)),
        })
        .collect();
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|&i| candidates[i].served);
    let mut chosen = Vec::new();
    loop {
        let before = chosen.len();
        for &i in &order {
            if room[i] > 0 && chosen.len() < slots as usize {
                room[i] -= 1;
                chosen.push(i);
            }
        }
        if chosen.len() == before {
            return chosen;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(job: &str, ready: u32, running: u32, max_slots: u32) -> Candidate {
        Candidate { job: job.into(), ready, running, max_slots, served: 0 }
    }

    #[test]
    fn slots_go_round_the_jobs_beginning_with_the_one_that_has_waited_longest() {
        let mut jobs = [candidate("a", 9, 0, 0), candidate("b", 9, 0, 0), candidate("c", 1, 0, 0)];
        assert_eq!(assign(&jobs, 5), [0, 1, 2, 0, 1]);
        (jobs[0].served, jobs[1].served, jobs[2].served) = (7, 5, 6);
        assert_eq!(assign(&jobs, 3), [1, 2, 0]);
        assert_eq!(assign(&jobs, 1), [1]);
    }

    #[test]
    fn a_cap_counts_what_the_job_already_holds() {
        let jobs = [candidate("a", 9, 2, 3), candidate("b", 1, 0, 0)];
        assert_eq!(assign(&jobs, 8), [0, 1]);
        assert!(assign(&[candidate("a", 9, 5, 3)], 8).is_empty());
    }

    proptest! {
        #[test]
        fn every_slot_is_used_if_there_is_work_and_no_cap_is_broken(
            facts in prop::collection::vec((0_u32..5, 0_u32..4, 0_u32..4, 0_u64..9), 0..6),
            slots in 0_u32..12,
        ) {
            let jobs: Vec<Candidate> = facts
                .iter()
                .enumerate()
                .map(|(i, &(ready, running, cap, served))| Candidate {
                    served,
                    ..candidate(&format!("j{i}"), ready, running, cap)
                })
                .collect();
            let chosen = assign(&jobs, slots);
            let mut possible = 0;
            let mut fewest_left = 0;
            for (i, job) in jobs.iter().enumerate() {
                let granted = chosen.iter().filter(|&&c| c == i).count() as u32;
                prop_assert!(granted <= job.ready);
                prop_assert!(job.max_slots == 0 || granted == 0 || job.running + granted <= job.max_slots);
                let room = match job.max_slots {
                    0 => job.ready,
                    cap => job.ready.min(cap.saturating_sub(job.running)),
                };
                possible += room;
                if granted < room {
                    fewest_left = fewest_left.max(granted + 1);
                }
            }
            prop_assert_eq!(chosen.len() as u32, possible.min(slots));
            // Fair: nobody is two ahead of a job that still had work.
            if fewest_left > 0 {
                for i in 0..jobs.len() {
                    let granted = chosen.iter().filter(|&&c| c == i).count() as u32;
                    prop_assert!(granted <= fewest_left + 1);
                }
            }
        }
    }
}
