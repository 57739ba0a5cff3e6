//! The only crate that names wasmtime: admission, limits, one guest instance.
