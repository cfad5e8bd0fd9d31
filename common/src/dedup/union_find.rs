//! Which members belong together.

/// Disjoint sets of the numbers `0..n`; the root of a set is its smallest member.
pub struct UnionFind {
    parent: Vec<u32>,
}

impl UnionFind {
    /// `n` sets of one member.
    pub fn new(n: u32) -> Self {
        Self { parent: (0..n).collect() }
    }

    /// Members of all sets.
    pub fn len(&self) -> u32 {
        self.parent.len() as u32
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parent.is_empty()
    }

    /// Adds sets of one member, so that there are the numbers `0..n`.
    pub fn grow(&mut self, n: u32) {
        self.parent.extend(self.parent.len() as u32..n);
    }

    /// The smallest member of the set of `member`.
    #[inline]
    pub fn root(&mut self, mut member: u32) -> u32 {
        loop {
            let parent = self.parent[member as usize];
            if parent == member {
                return member;
            }
            // Halves the path: every other member points past its parent.
            let above = self.parent[parent as usize];
            self.parent[member as usize] = above;
            member = above;
        }
    }

    /// Makes one set of two.
    #[inline]
    pub fn union(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn roots_are_the_smallest_members_of_connected_components(
            pairs in prop::collection::vec((0..60_u32, 0..60_u32), 0..80)
        ) {
            let mut sets = UnionFind::new(60);
            let mut labels: Vec<u32> = (0..60).collect();
            for (a, b) in pairs {
                sets.union(a, b);
                let (low, high) = (labels[a as usize].min(labels[b as usize]), labels[a as usize].max(labels[b as usize]));
                for label in &mut labels {
                    if *label == high { *label = low; }
                }
            }
            for member in 0..60 {
                prop_assert_eq!(sets.root(member), labels[member as usize]);
            }
        }
    }

    #[test]
    fn a_chain_of_a_million_is_fast() {
        let n = 1_000_000;
        let mut sets = UnionFind::new(n);
        for member in (1..n).rev() {
            sets.union(member, member - 1);
        }
        assert!((0..n).all(|member| sets.root(member) == 0));
    }
}
