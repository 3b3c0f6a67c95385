//! See `etcdkit_fuzz_targets::REQUESTS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (etcdkit_fuzz_targets::REQUESTS.run)(input));
