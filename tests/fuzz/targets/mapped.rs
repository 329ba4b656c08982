//! Exports through column maps.
#![no_main]

use chartsentry::decode::Expect;
use chartsentry_fuzz::file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| file(bytes, Expect::Accesses));
