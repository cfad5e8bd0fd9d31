//! Errors and gRPC statuses: the only place where one becomes the other.
//!
//! | class | code |
//! |---|---|
//! | spec, input | `INVALID_ARGUMENT` |
//! | not found | `NOT_FOUND` |
//! | conflict | `FAILED_PRECONDITION` |
//! | permission | `PERMISSION_DENIED`; `UNAUTHENTICATED` if nobody knows who calls |
//! | resource | `RESOURCE_EXHAUSTED` |
//! | unavailable | `UNAVAILABLE` |
//! | lease lost | `ABORTED` |
//! | cancelled | `CANCELLED` |
//! | storage, internal | `INTERNAL` |
//!
//! The class itself travels as [`v1::ErrorDetail`] in the status's binary details, so nothing is lost on the way.

use prost::Message as _;
use tamis_common::{Class, Error};
use tonic::{Code, Status};

use crate::connect::refusal_of;
use crate::v1;

/// Statuses travel as HTTP/2 headers, which many peers cap at 8 or 16 KiB; the details go as base64.
const MAX_MESSAGE_BYTES: usize = 1_024;
const MAX_DETAIL_BYTES: usize = 4_096;

/// The status that carries an error to the caller.
pub fn to_status(error: &Error) -> Status {
    let mut detail = v1::ErrorDetail::from(error);
    detail.message = cut(&detail.message, MAX_DETAIL_BYTES);
    detail.hint = cut(&detail.hint, MAX_MESSAGE_BYTES);
    let message = cut(error.message(), MAX_MESSAGE_BYTES);
    Status::with_details(code_of(error.class()), message, detail.encode_to_vec().into())
}

/// The status for a caller of whom nobody knows who it is. To clients it is an error of `Class::Permission`.
pub fn to_unauthenticated(error: &Error) -> Status {
    let status = to_status(error);
    let details = status.details().to_vec();
    Status::with_details(Code::Unauthenticated, status.message(), details.into())
}

/// The error behind a status: exact where a tamis sent it, classed by its code where a transport or a proxy did.
pub fn from_status(status: &Status) -> Error {
    if !status.details().is_empty()
        && let Ok(detail) = v1::ErrorDetail::decode(status.details())
        && detail.class() != v1::ErrorClass::Unspecified
    {
        return Error::from(&detail);
    }
    let said = message_of(status);
    if let Some(refusal) = refusal_of(&said) {
        return refusal;
    }
    Error::new(class_of(status.code()), format!("the call failed: {said}"))
}

fn code_of(class: Class) -> Code {
    match class {
        Class::Spec | Class::Input => Code::InvalidArgument,
        Class::NotFound => Code::NotFound,
        Class::Conflict => Code::FailedPrecondition,
        Class::Permission => Code::PermissionDenied,
        Class::Resource => Code::ResourceExhausted,
        Class::Unavailable => Code::Unavailable,
        Class::LeaseLost => Code::Aborted,
        Class::Cancelled => Code::Cancelled,
        Class::Storage | Class::Internal => Code::Internal,
    }
}

/// For statuses without details. Broken connections show as any of several codes, `Internal` among them.
fn class_of(code: Code) -> Class {
    match code {
        Code::InvalidArgument => Class::Spec,
        Code::NotFound => Class::NotFound,
        Code::PermissionDenied | Code::Unauthenticated => Class::Permission,
        Code::ResourceExhausted | Code::OutOfRange => Class::Resource,
        Code::Unimplemented | Code::FailedPrecondition => Class::Conflict,
        _ => Class::Unavailable,
    }
}

fn message_of(status: &Status) -> String {
    let said = with_causes(status.message().to_owned(), status);
    if said.is_empty() { status.code().to_string() } else { said }
}

/// What an error says, and what its causes say beyond it.
pub(crate) fn causes_of(error: &dyn std::error::Error) -> String {
    with_causes(error.to_string(), error)
}

fn with_causes(mut said: String, error: &dyn std::error::Error) -> String {
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.contains(&text) {
            said = if said.is_empty() { text } else { format!("{said}: {text}") };
        }
        cause = error.source();
    }
    said
}

fn cut(text: &str, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(max_bytes - '…'.len_utf8());
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Class; 11] = [
        Class::Spec,
        Class::Input,
        Class::NotFound,
        Class::Conflict,
        Class::Permission,
        Class::Storage,
        Class::Resource,
        Class::Unavailable,
        Class::LeaseLost,
        Class::Cancelled,
        Class::Internal,
    ];

    #[test]
    fn every_class_message_and_hint_survives_the_wire() {
        for class in ALL {
            let sent = Error::new(class, "`output.uri` is not empty").with_hint("pass --replace");
            let received = from_status(&to_status(&sent));
            assert_eq!(received.class(), class);
            assert_eq!(received.message(), sent.message());
            assert_eq!(received.hint(), sent.hint());
        }
    }

    #[test]
    fn an_unknown_caller_is_an_error_of_permission_with_its_hint() {
        let sent = Error::new(Class::Permission, "no token").with_hint("give one with --token-file");
        let status = to_unauthenticated(&sent);
        assert_eq!(status.code(), Code::Unauthenticated);
        let received = from_status(&status);
        assert_eq!((received.class(), received.hint()), (Class::Permission, sent.hint()));
    }

    #[test]
    fn a_lost_connection_is_unavailable_whatever_its_code() {
        for code in
            [Code::Unknown, Code::Internal, Code::Unavailable, Code::Cancelled, Code::DeadlineExceeded]
        {
            assert_eq!(from_status(&Status::new(code, "transport error")).class(), Class::Unavailable);
        }
    }

    #[test]
    fn a_long_message_is_cut_at_a_character_and_fits_headers() {
        let status = to_status(&Error::spec("错".repeat(100_000)));
        assert!(status.message().len() <= MAX_MESSAGE_BYTES);
        assert!(status.details().len() <= 2 * MAX_DETAIL_BYTES);
        assert!(from_status(&status).message().ends_with('…'));
    }

    #[test]
    fn foreign_details_are_not_taken_for_ours() {
        let status = Status::with_details(Code::NotFound, "no such thing", vec![0xff, 0xff].into());
        assert_eq!(from_status(&status).class(), Class::NotFound);
    }
}
