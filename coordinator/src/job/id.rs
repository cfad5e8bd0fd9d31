//! Job ids: made so that they sort by time, found by an unambiguous beginning.

use std::collections::BTreeMap;

use tamis_common::ids::JobId;
use tamis_common::{Class, Error, Result};

const PREFIX: &str = "j-";
/// Crockford's base32 in lower case: its order is that of the numbers, and no letter looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 48 bits of milliseconds and 32 random bits, 5 bits a character.
const DIGITS: u32 = 16;

/// An id for a job submitted at `now_ms` (since the Unix epoch) that sorts after `last`, whatever the clock did.
pub fn new_id(now_ms: u64, random: u32, last: Option<&JobId>) -> JobId {
    let id = encode(now_ms, random);
    let Some(last) = last.filter(|last| **last >= id) else { return id };
    let last_ms = decode_ms(last).unwrap_or(now_ms);
    encode(last_ms + 1, random)
}

fn encode(ms: u64, random: u32) -> JobId {
    let number = u128::from(ms & ((1 << 48) - 1)) << 32 | u128::from(random);
    let digits = (0..DIGITS).rev().map(|place| {
        let digit = (number >> (5 * place)) & 31;
        char::from(ALPHABET[digit as usize])
    });
    JobId(PREFIX.chars().chain(digits).collect())
}

fn decode_ms(id: &JobId) -> Option<u64> {
    let digits = id.as_str().strip_prefix(PREFIX)?;
    let mut number: u128 = 0;
    for byte in digits.bytes() {
        let digit = ALPHABET.iter().position(|&known| known == byte)?;
        number = number.checked_mul(32)? + digit as u128;
    }
    u64::try_from(number >> 32).ok()
}

/// The job that `text` names: its id, or an unambiguous beginning of it, with or without `j-`.
///
/// # Errors
/// `Class::NotFound` if there is none, `Class::Spec` if there are several.
pub fn find<'a, V>(jobs: &'a BTreeMap<JobId, V>, text: &str) -> Result<(&'a JobId, &'a V)> {
    let beginning = match text.starts_with(PREFIX) || text.is_empty() {
        true => text.to_owned(),
        false => format!("{PREFIX}{text}"),
    };
    let mut matching = jobs
        .range(JobId(beginning.clone())..)
        .take_while(|(id, _)| !text.is_empty() && id.as_str().starts_with(&beginning));
    let Some(first) = matching.next() else {
        return Err(Error::new(Class::NotFound, format!("no job `{text}`"))
            .with_hint("list the jobs with `tamis jobs`"));
    };
    match matching.next() {
        // An id that happens to begin another one means itself.
        Some(second) if first.0.as_str() != beginning => Err(Error::spec(format!(
            "`{text}` begins the id of several jobs: {}, {}{}",
            first.0,
            second.0,
            if matching.next().is_some() { ", …" } else { "" }
        ))
        .with_hint("give more of the id")),
        _ => Ok(first),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jobs(ids: &[&str]) -> BTreeMap<JobId, ()> {
        ids.iter().map(|id| (JobId::from(*id), ())).collect()
    }

    #[test]
    fn a_beginning_finds_a_job_unless_it_begins_several() {
        let jobs = jobs(&["j-aa1", "j-aa2", "j-b"]);
        assert_eq!(find(&jobs, "j-b").unwrap().0.as_str(), "j-b");
        assert_eq!(find(&jobs, "aa2").unwrap().0.as_str(), "j-aa2");
        assert_eq!(find(&jobs, "aa").unwrap_err().class(), Class::Spec);
        assert_eq!(find(&jobs, "c").unwrap_err().class(), Class::NotFound);
        assert_eq!(find(&jobs, "").unwrap_err().class(), Class::NotFound);
    }

    proptest! {
        #[test]
        fn later_jobs_sort_after_earlier_ones_even_if_the_clock_goes_back(
            calls in prop::collection::vec((0_u64..1 << 44, any::<u32>()), 1..40),
        ) {
            let mut last: Option<JobId> = None;
            for (now_ms, random) in calls {
                let id = new_id(now_ms, random, last.as_ref());
                prop_assert_eq!(id.as_str().len(), 18);
                if let Some(last) = &last {
                    prop_assert!(&id > last);
                }
                last = Some(id);
            }
        }
    }
}
