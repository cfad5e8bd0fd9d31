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
}

/// The candidates (as indices) that get a slot, in the order of granting: round-robin, beginning after the job that was
/// served last.
pub fn assign(candidates: &[Candidate], served_last: Option<&JobId>, slots: u32) -> Vec<usize> {
    let mut room: Vec<u32> = candidates
        .iter()
        .map(|candidate| match candidate.max_slots {
            0 => candidate.ready,
            cap => candidate.ready.min(cap.saturating_sub(candidate.running)),
        })
        .collect();
    let mut next =
        served_last.map_or(0, |last| candidates.partition_point(|candidate| candidate.job <= *last));
    let mut chosen = Vec::new();
    let mut passed_over = 0;
    while chosen.len() < slots as usize && passed_over < candidates.len() {
        let i = next % candidates.len();
        next = i + 1;
        if room[i] == 0 {
            passed_over += 1;
            continue;
        }
        passed_over = 0;
        room[i] -= 1;
        chosen.push(i);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(job: &str, ready: u32, running: u32, max_slots: u32) -> Candidate {
        Candidate { job: job.into(), ready, running, max_slots }
    }

    #[test]
    fn slots_go_round_the_jobs_beginning_after_the_one_served_last() {
        let jobs = [candidate("a", 9, 0, 0), candidate("b", 9, 0, 0), candidate("c", 1, 0, 0)];
        assert_eq!(assign(&jobs, None, 5), [0, 1, 2, 0, 1]);
        assert_eq!(assign(&jobs, Some(&"a".into()), 3), [1, 2, 0]);
        assert_eq!(assign(&jobs, Some(&"z".into()), 1), [0]);
    }

    #[test]
    fn a_cap_counts_what_the_job_already_holds() {
        let jobs = [candidate("a", 9, 2, 3), candidate("b", 1, 0, 0)];
        assert_eq!(assign(&jobs, None, 8), [0, 1]);
        assert!(assign(&[candidate("a", 9, 5, 3)], None, 8).is_empty());
    }

    proptest! {
        #[test]
        fn every_slot_is_used_if_there_is_work_and_no_cap_is_broken(
            facts in prop::collection::vec((0_u32..5, 0_u32..4, 0_u32..4), 0..6),
            last in prop::option::of(0_usize..6),
            slots in 0_u32..12,
        ) {
            let jobs: Vec<Candidate> = facts
                .iter()
                .enumerate()
                .map(|(i, &(ready, running, cap))| candidate(&format!("j{i}"), ready, running, cap))
                .collect();
            let last = last.map(|i| JobId(format!("j{i}")));
            let chosen = assign(&jobs, last.as_ref(), slots);
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
