//! FHIR resources and Bundles as JSON messages, of an audit log and of a feed.
#![no_main]

use chartsentry_fuzz::message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    message(bytes, false);
    message(bytes, true);
});
