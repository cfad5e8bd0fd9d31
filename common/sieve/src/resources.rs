//! The files that settings name.

use std::collections::HashMap;
use std::sync::Arc;

use crate::BuildError;

/// Files by the URI that a spec gives, read before filters are built.
#[derive(Clone, Debug, Default)]
pub struct Resources(HashMap<String, Arc<[u8]>>);

impl Resources {
    /// Adds a file.
    pub fn insert(&mut self, uri: impl Into<String>, bytes: impl Into<Arc<[u8]>>) {
        self.0.insert(uri.into(), bytes.into());
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// If it was not read.
    pub fn bytes(&self, uri: &str) -> Result<&Arc<[u8]>, BuildError> {
        self.0.get(uri).ok_or_else(|| BuildError(format!("`{uri}` was not read")))
    }

    /// A file as text.
    ///
    /// # Errors
    /// If it is not UTF-8, with the line.
    pub fn text(&self, uri: &str) -> Result<&str, BuildError> {
        let bytes = self.bytes(uri)?;
        std::str::from_utf8(bytes).map_err(|e| {
            let line = bytes[..e.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            BuildError(format!("`{uri}` is not UTF-8 in line {line}"))
        })
    }

    /// The lines of a file of entries: trimmed; empty ones and those that start with `#` are comments.
    ///
    /// # Errors
    /// As [`Resources::text`].
    pub fn entries(&self, uri: &str) -> Result<impl Iterator<Item = &str>, BuildError> {
        let lines = self.text(uri)?.trim_start_matches('\u{feff}').lines().map(str::trim);
        Ok(lines.filter(|line| !line.is_empty() && !line.starts_with('#')))
    }
}
