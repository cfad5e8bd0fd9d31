//! One error type: whose fault it is, whether a retry may help, and what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The result of everything fallible in tamis.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The job spec or the call is wrong.
    Spec,
    /// An input is wrong: corrupt, changed, unreadable.
    Input,
    /// What was named does not exist.
    NotFound,
    /// The call does not fit the present state.
    Conflict,
    /// The caller or the process may not do this.
    Permission,
    /// A store failed.
    Storage,
    /// A limit is reached: disk, memory.
    Resource,
    /// The other side is not there.
    Unavailable,
    /// The attempt no longer holds its lease.
    LeaseLost,
    /// The job was cancelled or the process is stopping.
    Cancelled,
    /// A defect of tamis.
    Internal,
}

impl Class {
    /// Its name, as JSON and metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Input => "input",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Permission => "permission",
            Self::Storage => "storage",
            Self::Resource => "resource",
            Self::Unavailable => "unavailable",
            Self::LeaseLost => "lease_lost",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// What a failed attempt means for its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryVerdict {
    /// Whose fault it is.
    pub class: Class,
    /// Whether another attempt may succeed.
    pub retryable: bool,
    /// Whether the attempt counts towards the task's maximum.
    pub counts: bool,
}

/// An error: class, message, what to do, cause.
///
/// Messages are lower case without a full stop and name the key, the rule and the value.
#[derive(Debug)]
pub struct Error {
    class: Class,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `class` with a message that names what it is about.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), hint: None, source: None }
    }

    /// The spec or the call is wrong.
    pub fn spec(message: impl Into<String>) -> Self {
        Self::new(Class::Spec, message)
    }

    /// An input is wrong.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Class::Input, message)
    }

    /// A store failed.
    pub fn storage(message: impl Into<String>) -> Self {
        Self::new(Class::Storage, message)
    }

    /// A defect of tamis.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Class::Internal, message)
    }

    /// A file operation failed: classed by the kind of the I/O error, naming the file.
    pub fn io(action: &str, what: impl fmt::Display, error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let class = match error.kind() {
            ErrorKind::NotFound => Class::NotFound,
            ErrorKind::PermissionDenied => Class::Permission,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::OutOfMemory => Class::Resource,
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Class::Input,
            _ => Class::Storage,
        };
        Self::new(class, format!("cannot {action} `{what}`: {error}")).with_source(error)
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts what was being done before the message: `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Whose fault it is.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The message, without the hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What it means for the task whose attempt it ended.
    pub fn verdict(&self) -> RetryVerdict {
        let (retryable, counts) = match self.class {
            Class::Spec | Class::Input | Class::NotFound | Class::Permission | Class::Conflict => {
                (false, true)
            }
            Class::Storage | Class::Internal => (true, true),
            // A full disk is no fault of the shard, and ends when somebody makes room.
            Class::Resource | Class::Unavailable | Class::Cancelled => (true, false),
            // A shard that kills its workers must come to an end.
            Class::LeaseLost => (true, true),
        };
        RetryVerdict { class: self.class, retryable, counts }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}

/// What may be missing.
pub trait Found<T> {
    /// `None` for what is not there.
    ///
    /// # Errors
    /// All others.
    fn found(self) -> Result<Option<T>>;
}

impl<T> Found<T> for Result<T> {
    fn found(self) -> Result<Option<T>> {
        match self {
            Err(error) if error.class() == Class::NotFound => Ok(None),
            other => other.map(Some),
        }
    }
}
