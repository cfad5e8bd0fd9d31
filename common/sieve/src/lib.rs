//! Cleaners and filters over one text: pure functions without storage, network or job, light enough to fuzz.
//!
//! [`rules`] says what families show of themselves, [`text`] computes what filters look at, [`clean`] changes texts
//! and [`filter`] judges them.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "tests"))]

pub mod clean;
mod fasttext;
pub mod filter;
pub mod resources;
pub mod rules;
pub mod text;
mod work;

/// Why a filter or cleaner cannot be made from its settings and files: lower case, naming file, line and value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub String);
