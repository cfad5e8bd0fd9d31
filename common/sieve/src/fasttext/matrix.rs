//! Matrices of rows, dense or quantised.

use std::ops::Range;
use std::sync::Arc;

use super::reader::{Reader, floats};

/// Centroids of a part of a row.
const CENTROIDS: usize = 256;

pub(super) enum Matrix {
    /// Numbers as they stand in the file.
    Dense { file: Arc<[u8]>, start: usize, rows: usize, columns: usize },
    /// A byte for each part of a row: the centroid that stands for it.
    Quantised {
        rows: usize,
        columns: usize,
        codes: Vec<u8>,
        parts: Quantiser,
        norms: Option<(Vec<u8>, Quantiser)>,
    },
}

impl Matrix {
    pub(super) fn read(reader: &mut Reader<'_>, is_quantised: bool) -> Result<Self, String> {
        if is_quantised { Self::read_quantised(reader) } else { Self::read_dense(reader) }
    }

    fn read_dense(reader: &mut Reader<'_>) -> Result<Self, String> {
        let (rows, columns) = (reader.long_size()?, reader.long_size()?);
        let start = reader.items(rows, columns.saturating_mul(4))?;
        Ok(Self::Dense { file: reader.file().clone(), start, rows, columns })
    }

    fn read_quantised(reader: &mut Reader<'_>) -> Result<Self, String> {
        let has_norms = reader.flag()?;
        let (rows, columns) = (reader.long_size()?, reader.long_size()?);
        let code_bytes = reader.size()?;
        let codes = reader.items(code_bytes, 1)?;
        let codes = reader.file()[codes..codes + code_bytes].to_vec();
        let parts = Quantiser::read(reader)?;
        if parts.dimension != columns || parts.count.checked_mul(rows) != Some(code_bytes) {
            return Err("the codes of a quantised matrix are not of its size".to_owned());
        }
        let norms = match has_norms {
            true => {
                let start = reader.items(rows, 1)?;
                let codes = reader.file()[start..start + rows].to_vec();
                let quantiser = Quantiser::read(reader)?;
                if quantiser.dimension != 1 {
                    return Err("the norms of a quantised matrix are no numbers".to_owned());
                }
                Some((codes, quantiser))
            }
            false => None,
        };
        Ok(Self::Quantised { rows, columns, codes, parts, norms })
    }

    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Dense { rows, .. } | Self::Quantised { rows, .. } => *rows,
        }
    }

    pub(super) fn columns(&self) -> usize {
        match self {
            Self::Dense { columns, .. } | Self::Quantised { columns, .. } => *columns,
        }
    }

    /// Adds a row to `sum`.
    pub(super) fn add_row(&self, row: usize, sum: &mut [f32]) {
        match self {
            Self::Dense { file, start, columns, .. } => {
                let numbers = floats(&file[dense_row(*start, *columns, row)]);
                sum.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
            }
            Self::Quantised { codes, parts, norms, .. } => {
                let norm = norm(norms.as_ref(), row);
                for (part, code) in codes[row * parts.count..][..parts.count].iter().enumerate() {
                    let (at, centroid) = parts.centroid(part, *code);
                    sum[at..].iter_mut().zip(centroid).for_each(|(sum, number)| *sum += norm * number);
                }
            }
        }
    }

    /// The dot product of a row and a vector.
    pub(super) fn dot(&self, row: usize, vector: &[f32]) -> f32 {
        match self {
            Self::Dense { file, start, columns, .. } => {
                let numbers = floats(&file[dense_row(*start, *columns, row)]);
                numbers.zip(vector).fold(0.0, |sum, (number, value)| sum + number * value)
            }
            Self::Quantised { codes, parts, norms, .. } => {
                let mut sum = 0.0;
                for (part, code) in codes[row * parts.count..][..parts.count].iter().enumerate() {
                    let (at, centroid) = parts.centroid(part, *code);
                    sum = vector[at..]
                        .iter()
                        .zip(centroid)
                        .fold(sum, |sum, (value, number)| sum + value * number);
                }
                sum * norm(norms.as_ref(), row)
            }
        }
    }
}

fn dense_row(start: usize, columns: usize, row: usize) -> Range<usize> {
    let length = columns * 4;
    start + row * length..start + (row + 1) * length
}

fn norm(norms: Option<&(Vec<u8>, Quantiser)>, row: usize) -> f32 {
    norms.map_or(1.0, |(codes, quantiser)| quantiser.centroids[usize::from(codes[row])])
}

/// A product quantiser: for each part of a vector 256 centroids.
pub(super) struct Quantiser {
    dimension: usize,
    /// Parts of a vector.
    count: usize,
    /// Numbers of a part, and of the last.
    length: usize,
    last_length: usize,
    centroids: Vec<f32>,
}

impl Quantiser {
    fn read(reader: &mut Reader<'_>) -> Result<Self, String> {
        let (dimension, count) = (reader.size()?, reader.size()?);
        let (length, last_length) = (reader.size()?, reader.size()?);
        let fits =
            count.checked_sub(1).and_then(|before| before.checked_mul(length)?.checked_add(last_length));
        if fits != Some(dimension) || length == 0 || last_length == 0 {
            return Err("the parts of a quantiser are not its whole".to_owned());
        }
        let numbers = dimension.checked_mul(CENTROIDS).ok_or("a quantiser is too large")?;
        Ok(Self { dimension, count, length, last_length, centroids: reader.f32s(numbers)? })
    }

    /// Where the part starts in the vector, and the centroid.
    fn centroid(&self, part: usize, code: u8) -> (usize, &[f32]) {
        let length = if part + 1 == self.count { self.last_length } else { self.length };
        let start = part * CENTROIDS * self.length + usize::from(code) * length;
        (part * self.length, &self.centroids[start..start + length])
    }
}
