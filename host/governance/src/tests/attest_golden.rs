//! Our envelopes, and those of an independent library: tests/golden/peer.py says how its files
//! were made.

use super::*;
use crate::attest::{AttestError, DsseEnvelope};

const OURS: &[u8] = include_bytes!("../../tests/golden/ours.json");
const THEIRS: &[u8] = include_bytes!("../../tests/golden/theirs.json");
const FACTS: &str = include_str!("../../tests/golden/facts.txt");

fn ours() -> DsseEnvelope {
    let approval = attest::approval("counterfoil/ledger/test", &id("dan"), &set("one"));
    let mut envelope = approval.unwrap();
    envelope.sign(&signing_key(4)).unwrap();
    envelope
}

#[test]
fn pre_authentication_encoding_is_that_of_the_specification() {
    // Source: DSSE v1.0, protocol, the example of PAE.
    let bytes = attest::pae("http://example.com/HelloWorld", b"hello world");
    assert_eq!(
        bytes,
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
}

#[test]
fn an_independent_library_verified_our_envelope_and_refused_it_changed() {
    let bytes = ours().encode().unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/ours.json");
        std::fs::write(path, &bytes).unwrap();
    }
    // The facts are about exactly these bytes.
    assert_eq!(
        String::from_utf8_lossy(&bytes),
        String::from_utf8_lossy(OURS)
    );
    let expected = format!(
        "ours sha256 {}\n\
         ours holds True\n\
         ours with another payload holds False\n\
         ours with another type holds False\n\
         ours under another key holds False\n\
         ours is canonical True\n",
        hex::encode(Digest::of(&bytes).0)
    );
    assert_eq!(FACTS, expected);
}

#[test]
fn the_envelope_of_an_independent_library_holds_here_and_not_when_changed() {
    let envelope = DsseEnvelope::parse(THEIRS).unwrap();
    let (statement, signers) = envelope.verify(&[key(1), key(77)]).unwrap();
    assert_eq!(signers.into_iter().collect::<Vec<_>>(), [key(77)]);
    assert_eq!(statement.subject[0].digest["sha256"], "ab".repeat(32));
    assert_eq!(statement.predicate["passedTests"][0], "größer als null");
    let unsigned = |envelope: &DsseEnvelope, keys: &[PublicKey]| {
        let result = envelope.verify(keys);
        assert!(
            matches!(result, Err(AttestError::Unsigned { .. })),
            "{result:?}"
        );
    };
    unsigned(&envelope, &[key(1)]);
    unsigned(&envelope, &[]);
    for at in 0..envelope.payload.len() {
        let mut changed = envelope.clone();
        changed.payload[at] ^= 1;
        unsigned(&changed, &[key(77)]);
    }
    let mut changed = envelope.clone();
    changed.signatures[0].signature.pop();
    unsigned(&changed, &[key(77)]);
    changed.signatures.clear();
    unsigned(&changed, &[key(77)]);
    // The key id is a hint: nothing rests on it.
    let mut hint = envelope.clone();
    hint.signatures[0].key_id.clear();
    hint.verify(&[key(77)]).unwrap();
}

#[test]
fn what_is_no_envelope_or_no_statement_is_refused() {
    let mut envelope = ours();
    envelope.payload_type = "text/plain".to_owned();
    envelope.signatures.clear();
    envelope.sign(&signing_key(4)).unwrap();
    let error = envelope.verify(&[key(4)]).unwrap_err().to_string();
    assert!(error.contains("payloadType is \"text/plain\""), "{error}");
    for (text, part) in [
        ("{}", "invalid DSSE envelope"),
        (
            r#"{"payload":"!","payloadType":"","signatures":[]}"#,
            "payload is not base64",
        ),
        (
            r#"{"payload":"","payloadType":"","signatures":[{"sig":"!"}]}"#,
            "sig is not base64",
        ),
    ] {
        let error = DsseEnvelope::parse(text.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{error}");
    }
    let error = attest::InTotoStatement::parse(
        br#"{"_type":"x","subject":[],"predicateType":"","predicate":{}}"#,
    );
    assert!(error.unwrap_err().to_string().contains("_type is \"x\""));
    let long = vec![b' '; attest::ENVELOPE_BYTES_MAX + 1];
    assert!(matches!(
        DsseEnvelope::parse(&long),
        Err(AttestError::TooLong { .. })
    ));
}
