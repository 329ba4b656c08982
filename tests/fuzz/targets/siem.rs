//! Epic's CEF and LEEF in syslog.
#![no_main]

use chartsentry_fuzz::message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| message(bytes, false));
