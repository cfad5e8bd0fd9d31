//! Absolute names of objects: `file:///a/b`, `s3://bucket/key`.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// An absolute URI with the scheme `file` or `s3`, without a query, percent signs taken literally.
///
/// Ordered by its text, which is the canonical order of inputs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uri(String);

impl Uri {
    /// Takes `file:///…`, `s3://bucket/…` or an absolute path.
    ///
    /// # Errors
    /// `Class::Spec` for a relative path or another scheme.
    pub fn parse(text: &str) -> Result<Self> {
        if text.starts_with("file:///") {
            return Ok(Self(text.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("s3://") {
            let bucket = rest.split('/').next().unwrap_or_default();
            if bucket.is_empty() {
                return Err(Error::spec(format!("`{text}` names no bucket: write s3://bucket/key")));
            }
            return Ok(Self(text.to_owned()));
        }
        if text.starts_with('/') {
            return Ok(Self(format!("file://{text}")));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(Error::spec(format!(
                "`{text}` has the scheme `{scheme}`: only paths, file:// and s3:// are known"
            )));
        }
        Err(Error::spec(format!("`{text}` is a relative path where an absolute one is needed")))
    }

    /// The URI of a local path, which must be absolute.
    ///
    /// # Errors
    /// `Class::Spec` for a relative path or one that is not UTF-8.
    pub fn from_path(path: &Path) -> Result<Self> {
        let text = path
            .to_str()
            .ok_or_else(|| Error::spec(format!("the path `{}` is not UTF-8", path.display())))?;
        Self::parse(text)
    }

    /// The whole URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The local path of a `file` URI.
    pub fn local_path(&self) -> Option<PathBuf> {
        self.0.strip_prefix("file://").map(PathBuf::from)
    }

    /// Bucket and key of an `s3` URI.
    pub fn bucket_and_key(&self) -> Option<(&str, &str)> {
        let rest = self.0.strip_prefix("s3://")?;
        Some(rest.split_once('/').unwrap_or((rest, "")))
    }

    /// This URI as a folder with `name` appended below it.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        Self(format!("{}/{name}", self.0.trim_end_matches('/')))
    }

    /// What stands behind the last `/`.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
