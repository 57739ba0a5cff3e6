//! Static checks of a component's bytes, before anything compiles them. It must never run a guest
//! and never trust a name: what a function is called and what it takes are both checked.

mod structure;
mod types;

use std::collections::BTreeMap;

use wasmparser::{Parser, Validator, WasmFeatures};

pub use self::structure::{
    BODY_BYTES_MAX, BODY_LOCALS_MAX, COMPONENT_BYTES_MAX, FUNCTIONS_MAX, ITEMS_MAX, NESTING_MAX,
    PARTS_MAX,
};

/// The version of the contract that this host speaks.
pub const WORLD_VERSION: &str = "0.1.0";

/// The package of the contract.
const PACKAGE: &str = "counterfoil:strategy/";

/// Every function of the world with its type, one a line; a test makes it from `wit` again.
const WORLD: &str = include_str!("admission/world.txt");

/// What the engine runs: WebAssembly 2.0 without vectors and without many results, and components.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .difference(WasmFeatures::SIMD.union(WasmFeatures::MULTI_VALUE))
    .union(WasmFeatures::COMPONENT_MODEL);

/// Why a component is not admitted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// The bytes are a core module.
    #[error("this is a core module, not a component: build it with the SDK's build command")]
    CoreModule,
    /// The bytes are no wasm.
    #[error("this is not a wasm component")]
    NotWasm,
    /// More of something than the limit.
    #[error("the component has {found} {what}, the limit is {limit}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much it has.
        found: u64,
        /// How much it may have.
        limit: u64,
    },
    /// The bytes are not valid, or use a feature that the engine does not run.
    #[error("the component is not valid, or uses a forbidden feature: {reason} (at byte {at})")]
    Invalid {
        /// What the validator says; it names the feature.
        reason: String,
        /// Where.
        at: usize,
    },
    /// An import from another version of the contract.
    #[error("{name}: built against world {built}, this host speaks {WORLD_VERSION}")]
    WorldVersion {
        /// The import.
        name: String,
        /// The version in its name.
        built: String,
    },
    /// An import that no strategy may have.
    #[error(
        "the component imports {name}; a strategy may import only \
         counterfoil:strategy/types, account and log"
    )]
    ForbiddenImport {
        /// The import.
        name: String,
    },
    /// An export of the world that is not there.
    #[error(
        "the component does not export {name}: build it for the world counterfoil:strategy@{WORLD_VERSION}"
    )]
    MissingExport {
        /// The export.
        name: String,
    },
    /// A function of another type than the world's.
    #[error("{name} has the type {found}, the world has {expected}")]
    WrongType {
        /// The function.
        name: String,
        /// Its type.
        found: String,
        /// The world's.
        expected: String,
    },
}

/// Checks size, structure, features, imports and exports, in this sequence.
///
/// # Errors
///
/// Returns [`AdmissionError`] naming the first thing that does not hold.
pub fn check(bytes: &[u8]) -> Result<(), AdmissionError> {
    let functions = functions(bytes)?;
    let world: BTreeMap<&str, &str> = WORLD.lines().filter_map(|l| l.split_once(": ")).collect();
    for (name, found) in &functions {
        // What a component exports beyond the world is never called.
        let Some(import) = name.strip_prefix("import ") else {
            continue;
        };
        let interface = import.split(' ').next().unwrap_or(import);
        check_interface(interface)?;
        match world.get(name.as_str()) {
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
        let found = functions.get(*name);
        let found = found.ok_or_else(|| AdmissionError::MissingExport {
            name: export.to_owned(),
        })?;
        check_type(export, found, expected)?;
    }
    Ok(())
}

/// The functions that a component imports and exports, with their types written out: the keys are
/// `import INTERFACE FUNCTION` and `export FUNCTION`. An interface alone stands with an empty type.
///
/// # Errors
///
/// Returns [`AdmissionError`] if the bytes are too large or no valid component.
pub fn functions(bytes: &[u8]) -> Result<BTreeMap<String, String>, AdmissionError> {
    if Parser::is_core_wasm(bytes) {
        return Err(AdmissionError::CoreModule);
    }
    if !Parser::is_component(bytes) {
        return Err(AdmissionError::NotWasm);
    }
    let outline = structure::check(bytes)?;
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
    Ok(functions)
}

fn check_interface(interface: &str) -> Result<(), AdmissionError> {
    let name = || interface.to_owned();
    let Some(rest) = interface.strip_prefix(PACKAGE) else {
        return Err(AdmissionError::ForbiddenImport { name: name() });
    };
    let (word, version) = rest.split_once('@').unwrap_or((rest, "none"));
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
        found: crate::fault::bounded(found.to_owned(), crate::fault::TRACE_BYTES_MAX),
        expected: expected.to_owned(),
    })
}

fn invalid(error: &wasmparser::BinaryReaderError) -> AdmissionError {
    AdmissionError::Invalid {
        reason: crate::fault::bounded(error.message().to_owned(), crate::fault::TRACE_BYTES_MAX),
        at: error.offset(),
    }
}
