//! Why a component is not admitted. It must never know how it was found.

/// The version of the contract that this host speaks.
pub const WORLD_VERSION: &str = "0.1.0";

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
        /// The validator's message; it names the feature.
        reason: String,
        /// Where.
        at: usize,
    },
    /// A function that an inner component lifts.
    #[error(
        "a component inside the component lifts a function; only the outermost one may: build it with the SDK's build command"
    )]
    NestedLift,
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

/// The validator's refusal, with its reason cut to what a record may hold.
pub(super) fn invalid(error: &wasmparser::BinaryReaderError) -> AdmissionError {
    AdmissionError::Invalid {
        reason: crate::cut::bounded(error.message().to_owned(), crate::fault::TRACE_BYTES_MAX),
        at: error.offset(),
    }
}
