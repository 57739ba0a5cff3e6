//! Static checks of a component's bytes, before anything compiles them. It must never run a guest
//! and never trust a name: what a function is called and what it takes are both checked.

mod error;
mod structure;
mod types;

use std::collections::BTreeMap;

use wasmparser::{Parser, Validator, WasmFeatures};

use crate::compile_class::CompileClass;
use error::invalid;

pub use self::error::{AdmissionError, WORLD_VERSION};
pub use self::structure::{
    BODY_BYTES_MAX, BODY_LOCALS_MAX, COMPONENT_BYTES_MAX, FUNCTIONS_MAX, ITEMS_MAX, NESTING_MAX,
    PARTS_MAX,
};

/// The package of the contract.
const PACKAGE: &str = "counterfoil:strategy/";

/// Every function of the world with its type, one a line; a test makes it from `wit` again.
const WORLD: &str = include_str!("admission/world.txt");

/// What the engine runs: WebAssembly 2.0 without vectors and without many results, and components.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .difference(WasmFeatures::SIMD.union(WasmFeatures::MULTI_VALUE))
    .union(WasmFeatures::COMPONENT_MODEL);

/// Checks size, structure, features, imports and exports, in this sequence; returns how much compilation the
/// component may ask for.
///
/// # Errors
///
/// Returns [`AdmissionError`] naming the first thing that does not hold.
pub fn check(bytes: &[u8]) -> Result<CompileClass, AdmissionError> {
    // Size and structure are checked in here, before the validator works on the bytes: its time and memory grow with them.
    let (class, functions) = outline(bytes)?;
    let world: BTreeMap<&str, &str> = WORLD.lines().filter_map(|l| l.split_once(": ")).collect();
    for (name, found) in &functions {
        // What a component exports beyond the world is never called.
        let Some(import) = name.strip_prefix("import ") else {
            continue;
        };
        let interface = import.split(' ').next().unwrap_or(import);
        // An allow list: a new interface of a later contract stays out until this host knows what it gives away.
        check_interface(interface)?;
        match world.get(name.as_str()) {
            // A function of the right name with other parameters would be linked by name and lifted by the wrong type.
            Some(expected) => check_type(import, found, expected)?,
            // An interface without functions has no type to compare.
            None if found.is_empty() => {}
            None => {
                let name = import.to_owned();
                return Err(AdmissionError::ForbiddenImport { name });
            }
        }
    }
    for (name, expected) in &world {
        let Some(export) = name.strip_prefix("export ") else {
            continue;
        };
        let found = functions
            .get(*name)
            .ok_or_else(|| AdmissionError::MissingExport {
                name: export.to_owned(),
            })?;
        check_type(export, found, expected)?;
    }
    Ok(class)
}

/// The functions that a component imports and exports, with their types written out: the keys are
/// `import INTERFACE FUNCTION` and `export FUNCTION`. An interface alone has an empty type.
///
/// # Errors
///
/// Returns [`AdmissionError`] if the bytes are too large or no valid component.
pub fn functions(bytes: &[u8]) -> Result<BTreeMap<String, String>, AdmissionError> {
    outline(bytes).map(|(_, functions)| functions)
}

fn outline(bytes: &[u8]) -> Result<(CompileClass, BTreeMap<String, String>), AdmissionError> {
    if Parser::is_core_wasm(bytes) {
        return Err(AdmissionError::CoreModule);
    }
    if !Parser::is_component(bytes) {
        return Err(AdmissionError::NotWasm);
    }
    let outline = structure::check(bytes)?;
    // The compiler trusts validated code. What the engine has switched off is refused here, where the error names it.
    let types = Validator::new_with_features(FEATURES)
        .validate_all(bytes)
        .map_err(|error| invalid(&error))?;
    let mut functions = BTreeMap::new();
    for name in outline.imports {
        if let Some(item) = types.as_ref().component_item_for_import(&name) {
            types::functions_of(
                types.as_ref(),
                &format!("import {name}"),
                item,
                &mut functions,
            );
        }
    }
    for name in outline.exports {
        if let Some(item) = types.as_ref().component_item_for_export(&name) {
            types::functions_of(
                types.as_ref(),
                &format!("export {name}"),
                item,
                &mut functions,
            );
        }
    }
    Ok((outline.class, functions))
}

fn check_interface(interface: &str) -> Result<(), AdmissionError> {
    let name = || interface.to_owned();
    let Some(rest) = interface.strip_prefix(PACKAGE) else {
        return Err(AdmissionError::ForbiddenImport { name: name() });
    };
    let (word, version) = rest.split_once('@').unwrap_or((rest, "none"));
    // Before the interface's name: "built against another version" helps the author, "forbidden import" would not.
    if version != WORLD_VERSION {
        let built = version.to_owned();
        return Err(AdmissionError::WorldVersion {
            name: name(),
            built,
        });
    }
    match word {
        "types" | "account" | "log" => Ok(()),
        _ => Err(AdmissionError::ForbiddenImport { name: name() }),
    }
}

fn check_type(name: &str, found: &str, expected: &str) -> Result<(), AdmissionError> {
    if found == expected {
        return Ok(());
    }
    Err(AdmissionError::WrongType {
        name: name.to_owned(),
        found: crate::cut::bounded(found.to_owned(), crate::fault::TRACE_BYTES_MAX),
        expected: expected.to_owned(),
    })
}
