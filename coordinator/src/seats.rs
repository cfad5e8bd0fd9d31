//! How many of something each has at the same time: connections of an address, calls of a client.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Seats that are taken, by whom.
#[derive(Debug)]
pub(crate) struct Seats<K>(Arc<Mutex<HashMap<K, usize>>>);

impl<K> Clone for Seats<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K> Default for Seats<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Clone + Eq + Hash> Seats<K> {
    /// A seat more, until it is dropped; `None` if `who` has all that it may.
    pub(crate) fn seat(&self, who: K, most: usize) -> Option<Seat<K>> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(who.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Seat { seats: self.clone(), who })
    }
}

/// A seat that is taken.
#[derive(Debug)]
pub(crate) struct Seat<K: Clone + Eq + Hash> {
    seats: Seats<K>,
    who: K,
}

impl<K: Clone + Eq + Hash> Drop for Seat<K> {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_so_many_and_ended_ones_make_room() {
        let seats = Seats::default();
        let held = [seats.seat("a", 2), seats.seat("a", 2)];
        assert!(seats.seat("a", 2).is_none());
        assert!(seats.seat("b", 2).is_some());
        drop(held);
        assert!(seats.0.lock().is_ok_and(|taken| taken.is_empty()), "nothing is kept of who is gone");
    }
}
