//! See `counterfoil_fuzz::verdict`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| counterfoil_fuzz::verdict(bytes));
