//! See `etcdkit_fuzz_targets::GATEWAY`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (etcdkit_fuzz_targets::GATEWAY.run)(input));
