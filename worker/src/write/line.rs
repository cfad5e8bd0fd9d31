//! A document as one JSON line, the form in which text is written and by which content is compared.

use tamis_common::artefact::Survivor;
use tamis_common::{Error, Result};

/// Appends `{"id":…,"text":…,<other fields verbatim>}` and a newline.
///
/// # Errors
/// None that a buffer in memory can give.
pub(super) fn push_line(document: &Survivor<'_>, line: &mut Vec<u8>) -> Result<()> {
    line.extend_from_slice(b"{\"id\":");
    push_string(document.id, line)?;
    line.extend_from_slice(b",\"text\":");
    push_string(document.text, line)?;
    if !document.extra.is_empty() {
        line.push(b',');
        line.extend_from_slice(document.extra.as_bytes());
    }
    line.extend_from_slice(b"}\n");
    Ok(())
}

fn push_string(text: &str, line: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(line, text)
        .map_err(|e| Error::internal(format!("a string does not become JSON: {e}")).with_source(e))
}
