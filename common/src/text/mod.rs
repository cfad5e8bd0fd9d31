//! Text as duplicates see it: match text and units.
//!
//! **Match text** M of a text is NFKC, then the lower case of each code point (final sigma as sigma), then each run
//! of white space as one space, then trimmed. Two texts with equal M are exact duplicates.
//!
//! **Units** of M: each Han, Kana, Thai, Lao, Khmer and Myanmar letter or digit is a unit of its own. What stands
//! between them is cut at code points that no rule of UAX #29 joins to a letter or digit (spaces, most
//! punctuation); of the pieces, the words by UAX #29 that hold a letter or digit are units. So a unit is a word of
//! UAX #29, but that a combining mark after a space or a full stop is not glued to it.

mod classes;
mod matching;
mod units;

pub use matching::match_text;
pub use units::for_each_unit;
pub(crate) use units::{UnitSink, scan_units};
