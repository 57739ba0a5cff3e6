//! See `counterfoil_fuzz::binance`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| counterfoil_fuzz::binance(bytes));
