//! The arithmetic of a duplicate: shingles, signature, bands, similarity, union-find.

mod params;
mod radix;
mod shingles;
mod signer;
mod similarity;
mod sketch;
mod union_find;

pub use params::{DedupParams, HASH_VERSION, derive_bands};
pub use radix::radix_sort_by_key;
pub use signer::{Signed, Signer};
pub use similarity::{equal_values, similarity, similarity_of_equal};
pub use union_find::UnionFind;
