//! Our envelopes, and those of an independent library.

use super::*;

#[test]
fn pre_authentication_encoding_is_that_of_the_specification() {
    // Source: DSSE v1.0, protocol, the example of PAE.
    let bytes = attest::pae("http://example.com/HelloWorld", b"hello world");
    assert_eq!(
        bytes,
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
}
