//! For the fuzz targets: files of an index whose checksums are right and whose content is anything. What a reader makes of
//! them is an error or a file.
#![doc(hidden)]

use std::path::Path;

use tamis_common::Result;

use super::columns::{self, Columns};
use super::file::FileWriter;
use super::run::{self, Run};

/// Writes a file of these chunks, of which the last is its footer, in `folder`, and reads all of it: as a run of an index
/// with so many bands, or as columns.
///
/// # Errors
/// As reading a damaged file, or of the file system.
pub fn read_file(folder: &Path, bands: Option<u32>, chunks: &[&[u8]]) -> Result<()> {
    let path = folder.join("probe");
    let (footer, chunks) =
        chunks.split_last().map_or((&[][..], &[][..]), |(footer, chunks)| (*footer, chunks));
    let mut file = FileWriter::create(&path, 1, if bands.is_some() { run::KIND } else { columns::KIND })?;
    for chunk in chunks {
        file.chunk(chunk)?;
    }
    let record = file.finish(footer)?;
    match bands {
        Some(bands) => Run::open(&path, &record, bands)?.verify(),
        None => Columns::open(&path, &record)?.verify(),
    }
}
