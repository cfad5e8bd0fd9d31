//! The arithmetic of a duplicate: shingles, signature, bands, similarity, union-find.

mod params;

pub use params::DedupParams;
