//! See `counterfoil_fuzz::page`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| counterfoil_fuzz::page(bytes));
