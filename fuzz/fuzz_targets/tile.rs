//! See `counterfoil_fuzz::tile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| counterfoil_fuzz::tile(bytes));
