//! Generates the Rust bindings of the contract. They are checked in, so that a guest build needs
//! no generator; this crate must never be a dependency of a guest.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator as _};

/// The contract, and the file that is generated from it.
#[must_use]
pub fn paths() -> (PathBuf, PathBuf) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    (here.join("../../wit"), here.join("../src/bindings.rs"))
}

/// The text of `src/bindings.rs`.
///
/// # Errors
///
/// Fails if the contract cannot be read or has no world `strategy`.
pub fn bindings() -> Result<String> {
    let (wit, _) = paths();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(&wit)?;
    let world = resolve.select_world(&[package], Some("strategy"))?;

    let mut options = wit_bindgen_rust::Opts::default();
    options.format = true;
    options.pub_export_macro = true;
    options.export_macro_name = Some("export_component".to_owned());
    options.default_bindings_module = Some("counterfoil_sdk::bindings".to_owned());
    options.runtime_path = Some("::counterfoil_sdk::wit_bindgen_rt".to_owned());
    // A guest for wasm32-unknown-unknown has no constructors to run.
    options.disable_run_ctors_once_workaround = true;
    options.generate_unused_types = true;
    options.additional_derive_attributes = vec!["PartialEq".to_owned(), "Eq".to_owned()];

    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;
    // The generator writes one file for one world.
    let (_, text) = files.iter().next().context("the generator wrote no file")?;
    Ok(String::from_utf8(text.to_vec())?)
}
