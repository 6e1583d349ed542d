//! Hands libFuzzer's bytes to the target `stream` of `tests/fuzz/targets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_tests::targets::stream::run(bytes));
