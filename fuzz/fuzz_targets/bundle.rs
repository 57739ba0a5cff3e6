//! See `counterfoil_fuzz::bundle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| counterfoil_fuzz::bundle(bytes));
