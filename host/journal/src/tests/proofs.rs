//! The `.tlog-proof` file: from a journal to a proof and back, and what must be refused.

use alloc::string::{String, ToString};

use super::{ORIGIN, journal, key, signer};
use crate::{
    cosignature::cosign,
    entry::HEAD_BYTES,
    inclusion::inclusion_proof,
    key::VerifierKey,
    note::Note,
    proof::{TlogProof, TlogProofError},
    signer::Signer,
};

/// The proof for entry 6 of a journal of 10.
fn proof() -> TlogProof {
    let journal = journal(10, 5);
    TlogProof {
        extra: Some(journal.entries[6].clone()),
        index: 6,
        hashes: inclusion_proof(&journal.leaves, 6, 10).unwrap(),
        checkpoint: journal.notes[1].clone(),
    }
}

#[test]
fn a_proof_is_written_and_read_as_the_specification_shows_it() {
    let proof = proof();
    let text = proof.to_string();
    let lines: alloc::vec::Vec<&str> = text.split('\n').collect();
    assert_eq!(lines[0], "c2sp.org/tlog-proof@v1");
    assert!(lines[1].starts_with("extra "));
    assert_eq!(lines[2], "index 6");
    assert!(lines[3..7].iter().all(|line| line.len() == 44));
    assert_eq!((lines[7], lines[8], lines[9]), ("", ORIGIN, "10"));
    assert_eq!(TlogProof::parse(text.as_bytes()), Ok(proof));
    let bare = TlogProof {
        extra: None,
        hashes: [].into(),
        ..self::proof()
    };
    assert_eq!(TlogProof::parse(bare.to_string().as_bytes()), Ok(bare));
}

#[test]
fn a_proof_verifies_offline_with_the_public_keys_alone() {
    let mut proof = proof();
    let log = [key(ORIGIN, 1)];
    let proved = proof.verify(&log, &[]).unwrap();
    assert_eq!(
        (proved.index, &proved.entry[HEAD_BYTES..]),
        (6, &b"body 7"[..])
    );
    assert_eq!(proved.cosigned.checkpoint.size, 10);

    let mut note = Note::parse(proof.checkpoint.as_bytes()).unwrap();
    note.push(cosign(&note, "witness.example", &signer(9), 1_700_000_000).unwrap());
    proof.checkpoint = note.to_string();
    let known = [VerifierKey::witness("witness.example", &signer(9).verifying_key()).unwrap()];
    let proved = proof.verify(&log, &known).unwrap();
    assert_eq!(proved.cosigned.cosignatures[0].time, 1_700_000_000);
    assert!(
        proof
            .verify(&log, &[])
            .unwrap()
            .cosigned
            .cosignatures
            .is_empty()
    );
}

#[test]
fn every_changed_bit_of_a_proof_is_caught() {
    let text = proof().to_string().into_bytes();
    let log = [key(ORIGIN, 1)];
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut changed = text.clone();
            changed[at] ^= 1 << bit;
            let verified = TlogProof::parse(&changed).map(|p| p.verify(&log, &[]).map(|_| ()));
            assert!(!matches!(verified, Ok(Ok(()))), "bit {bit} of byte {at}");
        }
    }
    for cut in 0..text.len() {
        let verified = TlogProof::parse(&text[..cut]).map(|p| p.verify(&log, &[]).map(|_| ()));
        assert!(!matches!(verified, Ok(Ok(()))), "cut at {cut}");
    }
}

#[track_caller]
fn check(change: impl Fn(&mut TlogProof), message: &str) {
    let mut proof = proof();
    change(&mut proof);
    let error = proof.verify(&[key(ORIGIN, 1)], &[]).unwrap_err();
    let source = core::error::Error::source(&error)
        .map(ToString::to_string)
        .unwrap_or_default();
    let shown = std::format!("{error}: {source}");
    assert!(shown.contains(message), "{shown}");
}

#[test]
fn a_proof_that_does_not_hold_is_named_by_its_part() {
    check(|p| p.extra = None, "carries no entry");
    check(|p| p.extra.as_mut().unwrap().push(0), "leads to the root");
    check(|p| p.index = 7, "leads to the root");
    check(
        |p| p.index = 10,
        "there is no entry 10 in a tree of size 10",
    );
    check(|p| p.hashes.truncate(3), "too short or too long");
    check(|p| p.hashes.swap(0, 1), "leads to the root");
    check(
        |p| p.checkpoint = journal(10, 5).notes[0].clone(),
        "there is no entry 6",
    );
    check(
        |p| p.checkpoint = p.checkpoint.replace("\n10\n", "\n11\n"),
        "invalid checkpoint",
    );
    check(|p| p.checkpoint = "x\n".into(), "invalid checkpoint");
}

#[track_caller]
fn refused(from: &str, to: &str, error: &TlogProofError) {
    let text = proof().to_string();
    assert!(text.contains(from));
    let changed = text.replacen(from, to, 1);
    assert_eq!(TlogProof::parse(changed.as_bytes()).as_ref(), Err(error));
}

#[test]
fn a_proof_that_is_not_as_the_format_wants_it_is_refused() {
    refused("@v1", "@v2", &TlogProofError::Header);
    refused("extra ", "extra  ", &TlogProofError::Extra);
    refused("extra ", "Extra ", &TlogProofError::Index);
    refused("index 6", "index 06", &TlogProofError::Index);
    refused("index 6", "index -6", &TlogProofError::Index);
    refused("index 6\n", "", &TlogProofError::Index);
    refused(
        "index 6\n",
        "index 6\nAAAA\n",
        &TlogProofError::Hash { place: 0 },
    );
    refused("index 6\n", "index 6\r\n", &TlogProofError::Index);
    let hashes = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".repeat(61);
    refused(
        "index 6\n",
        &("index 6\n".to_string() + &hashes),
        &TlogProofError::TooManyHashes,
    );
    let head: String = proof().to_string().split("\n\n").next().unwrap().into();
    for torn in [head.clone(), head.clone() + "\n", head + "\n\n"] {
        assert_eq!(
            TlogProof::parse(torn.as_bytes()),
            Err(TlogProofError::NoCheckpoint)
        );
    }
    assert_eq!(
        TlogProof::parse(b"\xff"),
        Err(TlogProofError::NotUtf8 { offset: 0 })
    );
    let bytes = 1 << 20;
    let long = alloc::vec![b'x'; bytes];
    assert_eq!(
        TlogProof::parse(&long),
        Err(TlogProofError::TooLong { bytes })
    );
}
