//! Merging runs: which ones is decided purely, by size; then their lists are merged entry by entry.

use std::path::Path;
use std::sync::Arc;

use tamis_common::Result;

use super::block::{Entries, Entry};
use super::file::FileRecord;
use super::list::{ListCursor, ListWriter};
use super::run::{Run, RunWriter, Segments};

/// Runs of a tier that are merged into one. An entry is so rewritten at most once a tier, that is log4 of the index's
/// size times, and a look-up meets at most three runs a tier.
const FAN_IN: usize = 4;
/// Rows below which all runs are of the lowest tier.
const SMALLEST: u64 = 1_024;
/// Rows of a run at most, so that a merge needs no more than some 50 GB of scratch disk.
const MOST: u64 = 1 << 28;

/// What decides about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunFacts {
    /// Its rows.
    pub(super) rows: u64,
    /// Rows of jobs that were forgotten.
    pub(super) dead: u64,
}

impl RunFacts {
    fn live(self) -> u64 {
        self.rows - self.dead
    }

    fn tier(self) -> u32 {
        (self.live() / SMALLEST).checked_ilog(FAN_IN as u64).map_or(0, |tier| tier + 1)
    }
}

/// The runs to be merged next, by index; `None`: all is well.
///
/// A run more than a third of which is dead is rewritten alone, so that what is forgotten gives back its disk.
pub(super) fn plan(runs: &[RunFacts]) -> Option<Vec<usize>> {
    let dying = runs.iter().position(|run| run.dead * 3 > run.rows);
    if let Some(dying) = dying {
        return Some(vec![dying]);
    }
    let highest = runs.iter().map(|run| run.tier()).max()?;
    (0..=highest).find_map(|tier| {
        let members: Vec<usize> = (0..runs.len()).filter(|i| runs[*i].tier() == tier).take(FAN_IN).collect();
        let rows: u64 = members.iter().map(|i| runs[*i].live()).sum();
        (members.len() == FAN_IN && rows <= MOST).then_some(members)
    })
}

/// Writes the live rows of `runs` as one run; `None` if there are none.
///
/// # Errors
/// Of the files.
pub(super) fn merge(
    runs: &[Arc<Run>],
    lists: usize,
    live: impl Fn(u32) -> bool,
    path: &Path,
    number: u64,
) -> Result<Option<FileRecord>> {
    let mut jobs: Vec<(u32, u32)> = runs
        .iter()
        .flat_map(|run| run.segments().as_slice())
        .filter(|segment| live(segment.job))
        .map(|segment| (segment.job, segment.entries))
        .collect();
    if jobs.is_empty() {
        return Ok(None);
    }
    jobs.sort_unstable();
    let segments = Segments::number(jobs);
    let moves: Vec<Moves<'_>> = runs.iter().map(|run| Moves::new(run, &segments)).collect();
    let mut writer = RunWriter::create(path, number)?;
    for list in 0..lists {
        writer.list(|out| merge_list(&moves, list, out))?;
    }
    writer.finish(&segments).map(Some)
}

/// Where the rows of a run go.
struct Moves<'a> {
    run: &'a Run,
    /// For each segment, what is added to its rows, modulo 2^32; `None`: they are dead.
    shifts: Vec<Option<u32>>,
}

impl<'a> Moves<'a> {
    fn new(run: &'a Run, target: &Segments) -> Self {
        let shifts = run.segments().as_slice().iter().map(|from| {
            let at = target.as_slice().binary_search_by_key(&from.job, |to| to.job).ok()?;
            Some(target.as_slice()[at].first.wrapping_sub(from.first))
        });
        Self { run, shifts: shifts.collect() }
    }

    /// The row that a row becomes; `None`: it is dead.
    #[inline]
    fn target(&self, row: u32) -> Result<Option<u32>> {
        match self.run.segments().of(row) {
            Some(segment) => Ok(self.shifts[segment].map(|shift| row.wrapping_add(shift))),
            None => Err(self.run.foreign_row(row)),
        }
    }
}

/// A list that is merged: its live entries with their new rows, block by block.
struct Input<'a> {
    moves: &'a Moves<'a>,
    cursor: ListCursor<'a>,
    entries: Entries,
    next: usize,
}

impl<'a> Input<'a> {
    /// Stands at the first live entry; `None`: there is none.
    fn open(moves: &'a Moves<'a>, list: usize) -> Result<Option<Self>> {
        let cursor = moves.run.cursor(list);
        let mut input = Self { moves, cursor, entries: Entries::default(), next: 0 };
        Ok(input.fill()?.then_some(input))
    }

    #[inline]
    fn head(&self) -> Entry {
        self.entries.get(self.next)
    }

    /// Goes to the next live entry; false at the end.
    #[inline]
    fn advance(&mut self) -> Result<bool> {
        self.next += 1;
        if self.next < self.entries.len() { Ok(true) } else { self.fill() }
    }

    fn fill(&mut self) -> Result<bool> {
        self.next = 0;
        while self.cursor.next(&mut self.entries)? {
            self.entries.map_rows(|row| self.moves.target(row))?;
            if self.entries.len() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn merge_list(moves: &[Moves<'_>], list: usize, out: &mut ListWriter<'_>) -> Result<()> {
    let mut inputs = Vec::with_capacity(moves.len());
    for of_run in moves {
        inputs.extend(Input::open(of_run, list)?);
    }
    let mut keys: Vec<u64> = inputs.iter().map(|input| input.head().high).collect();
    while let Some(least) = least(&keys, &inputs) {
        let input = &mut inputs[least];
        out.push(input.head())?;
        if input.advance()? {
            keys[least] = input.head().high;
        } else {
            inputs.swap_remove(least);
            keys.swap_remove(least);
        }
    }
    Ok(())
}

/// Index of the input with the least head. A handful of inputs, whose `keys` are the high halves of their heads: a scan
/// that the processor need not foresee is faster than a heap.
#[inline]
fn least(keys: &[u64], inputs: &[Input<'_>]) -> Option<usize> {
    let mut least = 0;
    let mut key = *keys.first()?;
    let mut tied = false;
    for (index, other) in keys.iter().enumerate().skip(1) {
        let below = *other < key;
        tied = (tied & !below) | (*other == key);
        least = if below { index } else { least };
        key = key.min(*other);
    }
    if tied {
        return (0..inputs.len()).min_by_key(|index| inputs[*index].head());
    }
    Some(least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Applies the plan until it asks for nothing more; the rows that it wrote.
    fn settle(runs: &mut Vec<RunFacts>) -> u64 {
        let mut written = 0;
        while let Some(chosen) = plan(runs) {
            let live: u64 = chosen.iter().map(|i| runs[*i].live()).sum();
            for index in chosen.into_iter().rev() {
                runs.remove(index);
            }
            if live > 0 {
                runs.push(RunFacts { rows: live, dead: 0 });
            }
            written += live;
        }
        written
    }

    proptest! {
        #[test]
        fn merging_ends_and_leaves_few_runs_that_are_mostly_alive(
            sizes in prop::collection::vec((1_u64..5_000_000, 0_u64..100), 0..200),
        ) {
            let mut runs = Vec::new();
            let mut entered = 0;
            for (rows, dead_percent) in sizes {
                runs.push(RunFacts { rows, dead: rows * dead_percent / 100 });
                entered += runs[runs.len() - 1].live();
                settle(&mut runs);
                prop_assert_eq!(runs.iter().map(|run| run.live()).sum::<u64>(), entered);
                for run in &runs {
                    prop_assert!(run.dead * 3 <= run.rows);
                }
                for tier in 0..20 {
                    let members = runs.iter().filter(|run| run.tier() == tier);
                    let full = members.clone().map(|run| run.live()).take(FAN_IN).sum::<u64>() > MOST;
                    prop_assert!(members.count() < FAN_IN || full);
                }
            }
        }
    }

    #[test]
    fn fifty_equal_jobs_are_written_less_than_three_times_each() {
        let mut runs = Vec::new();
        let mut written = 0;
        for _ in 0..50 {
            runs.push(RunFacts { rows: 200_000, dead: 0 });
            written += 200_000 + settle(&mut runs);
        }
        assert!(written < 3 * 50 * 200_000, "{written}");
        assert!(runs.len() <= 5);
    }

    #[test]
    fn a_run_that_is_all_dead_is_planned_alone() {
        assert_eq!(plan(&[RunFacts { rows: 10, dead: 10 }]), Some(vec![0]));
        assert_eq!(plan(&[RunFacts { rows: 9, dead: 3 }]), None);
        assert_eq!(plan(&[]), None);
    }
}
