//! The states of a job and the ways between them.

use std::fmt;

use serde::{Deserialize, Serialize};
use tamis_common::ids::Phase;
use tamis_common::{Class, Error, Result};

/// Where a job is.
///
/// ```text
/// Planning ─> Scanning ─┬─────────────> Resolving ─> Mixing ─> Emitting ─> Publishing ─> Published
///                       └─> Waiting ──────^                                    │
///                                                                              │ the commit point
/// any state before Publishing ─> Failed or Cancelled          Publishing ─> Failed
/// Failed, Cancelled ── retry ──> the state it was in (Waiting, if the index has changed since)
/// ```
///
/// Only a job with an index waits: for its turn at that index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Accepted and durable; its inputs are being listed and split.
    Planning,
    /// Workers read shards.
    Scanning,
    /// All shards are scanned; another job holds the job's index.
    Waiting,
    /// Duplicates of the whole job are being found.
    Resolving,
    /// The mixture is being chosen.
    Mixing,
    /// Workers write the output.
    Emitting,
    /// The commit point has passed: the output is being moved to its place.
    Publishing,
    /// Done.
    Published,
    /// Ended by an error.
    Failed,
    /// Ended by its user.
    Cancelled,
}

impl JobState {
    /// All states, in order.
    pub const ALL: [Self; 10] = [
        Self::Planning,
        Self::Scanning,
        Self::Waiting,
        Self::Resolving,
        Self::Mixing,
        Self::Emitting,
        Self::Publishing,
        Self::Published,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Scanning => "scanning",
            Self::Waiting => "waiting",
            Self::Resolving => "resolving",
            Self::Mixing => "mixing",
            Self::Emitting => "emitting",
            Self::Publishing => "publishing",
            Self::Published => "published",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The step that a job takes in this state, as metrics name it.
    pub(crate) fn step_name(self) -> Option<&'static str> {
        match self {
            Self::Planning => Some("plan"),
            Self::Scanning => Some("scan"),
            Self::Resolving => Some("resolve"),
            Self::Mixing => Some("mix"),
            Self::Emitting => Some("emit"),
            Self::Publishing => Some("publish"),
            Self::Waiting | Self::Published | Self::Failed | Self::Cancelled => None,
        }
    }

    /// Whether nothing more happens by itself.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Published | Self::Failed | Self::Cancelled)
    }

    /// Whether a user may still cancel: nothing of the output is visible yet.
    pub fn is_before_commit_point(self) -> bool {
        !self.is_ended() && self != Self::Publishing
    }

    /// The kind of task that workers do in this state.
    pub fn phase(self) -> Option<Phase> {
        match self {
            Self::Scanning => Some(Phase::Scan),
            Self::Emitting => Some(Phase::Emit),
            _ => None,
        }
    }

    /// The next state, if the way leads there.
    ///
    /// # Errors
    /// `Class::Internal` that names both states.
    pub fn step_to(self, to: Self) -> Result<Self> {
        use JobState as S;
        let possible = match (self, to) {
            (S::Planning, S::Scanning)
            | (S::Scanning, S::Waiting | S::Resolving)
            | (S::Waiting, S::Resolving)
            | (S::Resolving, S::Mixing)
            | (S::Mixing, S::Emitting)
            | (S::Emitting, S::Publishing)
            | (S::Publishing, S::Published | S::Failed) => true,
            (from, S::Failed | S::Cancelled) => from.is_before_commit_point(),
            // Retry.
            (S::Failed | S::Cancelled, to) => !to.is_ended(),
            _ => false,
        };
        if possible {
            return Ok(to);
        }
        Err(Error::new(Class::Internal, format!("a job that is {self} cannot become {to}")))
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_job_without_an_index_walks_from_planning_to_published() {
        use JobState as S;
        let way = [S::Scanning, S::Resolving, S::Mixing, S::Emitting, S::Publishing, S::Published];
        let mut state = S::Planning;
        for next in way {
            state = state.step_to(next).unwrap();
        }
        assert!(state.is_ended());
    }

    #[test]
    fn an_impossible_transition_names_both_states() {
        let error = JobState::Published.step_to(JobState::Scanning).unwrap_err();
        assert_eq!(error.message(), "a job that is published cannot become scanning");
    }

    #[test]
    fn nothing_is_cancelled_from_the_commit_point_on() {
        for state in JobState::ALL {
            let allowed = state.step_to(JobState::Cancelled).is_ok();
            assert_eq!(allowed, state.is_before_commit_point(), "{state}");
        }
        assert!(JobState::Publishing.step_to(JobState::Failed).is_ok());
    }

    #[test]
    fn no_state_leads_to_itself_and_a_published_job_stays_so() {
        for state in JobState::ALL {
            assert!(state.step_to(state).is_err(), "{state}");
            assert!(JobState::Published.step_to(state).is_err(), "{state}");
        }
    }
}
