//! The values of enumerations by name, as JSON and people see them: lower case, without the prefix of their type.

use serde::Serializer;

use crate::v1::{ErrorClass, JobState, Phase, TaskState};

/// The name of a job's state.
pub fn of_state(state: JobState) -> String {
    short(state.as_str_name(), "JOB_STATE_")
}

/// The name of a phase.
pub fn of_phase(phase: Phase) -> String {
    short(phase.as_str_name(), "PHASE_")
}

/// The name of an error's class.
pub fn of_class(class: ErrorClass) -> String {
    short(class.as_str_name(), "ERROR_CLASS_")
}

/// The name of a task's state.
pub fn of_task_state(state: TaskState) -> String {
    short(state.as_str_name(), "TASK_STATE_")
}

fn short(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase()
}

pub(crate) fn job_state<S: Serializer>(number: &i32, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&of_state(JobState::try_from(*number).unwrap_or_default()))
}

pub(crate) fn phase<S: Serializer>(number: &i32, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&of_phase(Phase::try_from(*number).unwrap_or_default()))
}

pub(crate) fn error_class<S: Serializer>(number: &i32, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&of_class(ErrorClass::try_from(*number).unwrap_or_default()))
}

pub(crate) fn task_state<S: Serializer>(number: &i32, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&of_task_state(TaskState::try_from(*number).unwrap_or_default()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::v1;

    #[test]
    fn json_shows_names() {
        let status = v1::JobStatus {
            state: v1::JobState::Scanning.into(),
            phases: vec![v1::PhaseProgress { phase: v1::Phase::Scan.into(), ..Default::default() }],
            error: Some(v1::ErrorDetail { class: v1::ErrorClass::NotFound.into(), ..Default::default() }),
            ..Default::default()
        };
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(json["state"], "scanning");
        assert_eq!(json["phases"][0]["phase"], "scan");
        assert_eq!(json["error"]["class"], "not_found");
        let task = v1::TaskStatus { state: v1::TaskState::Quarantined.into(), ..Default::default() };
        assert_eq!(serde_json::to_value(&task).unwrap()["state"], "quarantined");
    }
}
