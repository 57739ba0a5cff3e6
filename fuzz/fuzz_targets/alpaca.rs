//! See `counterfoil_fuzz::alpaca`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| counterfoil_fuzz::alpaca(bytes));
