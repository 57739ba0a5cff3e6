//! From core module to component, and what the component imports.

use sha2::{Digest as _, Sha256};
use wasmparser::{ComponentTypeRef, Parser, Payload};
use wit_component::ComponentEncoder;

use crate::BuildError;

/// All that a strategy component may import.
pub const ALLOWED_IMPORTS: [&str; 3] = [
    "counterfoil:strategy/types@0.1.0",
    "counterfoil:strategy/account@0.1.0",
    "counterfoil:strategy/log@0.1.0",
];

/// The component around a core module that was built against the contract.
///
/// # Errors
///
/// Returns [`BuildError::Component`] if the module does not fit the contract's world or does not
/// validate, [`BuildError::Import`] if it imports what the contract does not offer.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    // The encoder's message is only the outermost of a chain: the cause is at its end.
    let reason = |error| BuildError::Component {
        reason: format!("{error:#}"),
    };
    let component = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .map_err(reason)?
        .encode()
        .map_err(reason)?;
    // Here as well as at admission: the author learns of a forbidden import from the build, before a
    // component leaves the machine.
    for import in imports(&component)? {
        if !ALLOWED_IMPORTS.contains(&import.as_str()) {
            return Err(BuildError::Import { import });
        }
    }
    Ok(component)
}

/// The names of a component's imports, in its own sequence.
///
/// The world's `use` makes the encoder import names of types too, such as `bar`, bound to those
/// of `types`. They bring nothing that can be called, so they are left out.
///
/// # Errors
///
/// Returns [`BuildError::Component`] if the bytes are not a component.
pub fn imports(component: &[u8]) -> Result<Vec<String>, BuildError> {
    let reason = |error: wasmparser::BinaryReaderError| BuildError::Component {
        reason: error.to_string(),
    };
    let mut names = Vec::new();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(reason)?;
        if matches!(
            payload,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. }
        ) {
            // Nested modules and components have import sections of their own. What they import is
            // satisfied inside, and only the outermost imports reach the host.
            depth += 1;
        } else if matches!(payload, Payload::End(_)) {
            depth = depth.saturating_sub(1);
        } else if let (0, Payload::ComponentImportSection(section)) = (depth, payload) {
            for import in section {
                let import = import.map_err(reason)?;
                if !matches!(import.ty, ComponentTypeRef::Type(_)) {
                    names.push(import.name.name.to_owned());
                }
            }
        }
    }
    Ok(names)
}

/// The component digest: SHA-256 of the bytes, in lower-case hexadecimal.
#[must_use]
pub fn digest(component: &[u8]) -> String {
    use core::fmt::Write as _;
    Sha256::digest(component)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(b"abc"), expected);
    }

    #[test]
    fn bytes_that_are_no_module_are_refused_with_a_reason() {
        assert!(matches!(
            componentize(b"hello"),
            Err(BuildError::Component { .. })
        ));
    }
}
