//! Tests that need more than one module, or more than a screen: published vectors, other
//! implementations as oracles, and the table of tampering.

mod vectors;
