//! Between the ids of `tamis_common` and their wire forms.

use tamis_common::ids::{Phase, ShardId, TaskId};
use tamis_common::{Class, Error, Result};

use crate::v1;

impl From<Phase> for v1::Phase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Scan => Self::Scan,
            Phase::Emit => Self::Emit,
        }
    }
}

/// The phase behind a wire number.
///
/// # Errors
/// `Class::Spec` for an unset or unknown number.
pub fn phase_of(number: i32) -> Result<Phase> {
    match v1::Phase::try_from(number) {
        Ok(v1::Phase::Scan) => Ok(Phase::Scan),
        Ok(v1::Phase::Emit) => Ok(Phase::Emit),
        _ => Err(Error::spec(format!("`phase` must be 1 (scan) or 2 (emit), got {number}"))),
    }
}

/// The task behind a phase's wire number and a shard's number.
///
/// # Errors
/// As [`phase_of`].
pub fn task_of(phase: i32, shard: u32) -> Result<TaskId> {
    Ok(TaskId { phase: phase_of(phase)?, shard: ShardId(shard) })
}

impl From<Class> for v1::ErrorClass {
    fn from(class: Class) -> Self {
        match class {
            Class::Spec => Self::Spec,
            Class::Input => Self::Input,
            Class::NotFound => Self::NotFound,
            Class::Conflict => Self::Conflict,
            Class::Permission => Self::Permission,
            Class::Storage => Self::Storage,
            Class::Resource => Self::Resource,
            Class::Unavailable => Self::Unavailable,
            Class::LeaseLost => Self::LeaseLost,
            Class::Cancelled => Self::Cancelled,
            Class::Internal => Self::Internal,
        }
    }
}

impl From<v1::ErrorClass> for Class {
    fn from(class: v1::ErrorClass) -> Self {
        match class {
            v1::ErrorClass::Spec => Self::Spec,
            v1::ErrorClass::Input => Self::Input,
            v1::ErrorClass::NotFound => Self::NotFound,
            v1::ErrorClass::Conflict => Self::Conflict,
            v1::ErrorClass::Permission => Self::Permission,
            v1::ErrorClass::Storage => Self::Storage,
            v1::ErrorClass::Resource => Self::Resource,
            v1::ErrorClass::Unavailable => Self::Unavailable,
            v1::ErrorClass::LeaseLost => Self::LeaseLost,
            v1::ErrorClass::Cancelled => Self::Cancelled,
            // A class that this build does not know is a defect of one side.
            v1::ErrorClass::Internal | v1::ErrorClass::Unspecified => Self::Internal,
        }
    }
}

impl From<&Error> for v1::ErrorDetail {
    fn from(error: &Error) -> Self {
        Self {
            class: v1::ErrorClass::from(error.class()).into(),
            message: error.message().to_owned(),
            hint: error.hint().unwrap_or_default().to_owned(),
            retryable: error.verdict().retryable,
        }
    }
}

impl From<&v1::ErrorDetail> for Error {
    fn from(detail: &v1::ErrorDetail) -> Self {
        let error = Self::new(detail.class().into(), detail.message.clone());
        if detail.hint.is_empty() { error } else { error.with_hint(detail.hint.clone()) }
    }
}
