//! What an input is: its format and its compression, told by its first bytes.

mod detect;

pub use detect::{Detected, detect};
