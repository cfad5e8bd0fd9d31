//! Faults in a cluster of real processes: a budget of them, a supervisor that starts again what they end, a proxy that
//! cuts connections, one that answers amiss for an object store, and the oracle that says whether the output is what it would have been without them.

mod budget;
mod cluster;
mod listen;
mod oracle;
mod proxy;
mod store;

pub use budget::Budget;
pub use cluster::{Cluster, Member};
pub use oracle::{Calm, JOBS};
pub use proxy::Proxy;
pub use store::{Amiss, Ask, Seen, StoreProxy};

/// Draws the same numbers for the same seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    /// One of some.
    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
