//! Every cleaner and filter over any bytes that are text.

#![no_main]

#[path = "../everything.rs"]
mod everything;

use std::sync::LazyLock;

use everything::Everything;

static ALL: LazyLock<Vec<Everything>> = LazyLock::new(Everything::in_each_form);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    ALL.iter().for_each(|all| all.run(&text));
});
