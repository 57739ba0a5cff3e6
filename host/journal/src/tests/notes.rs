//! Notes, checkpoints and cosignatures: published examples, and what must be refused.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use super::{ORIGIN, key, signer};
use crate::{
    checkpoint::{Checkpoint, CheckpointError},
    cosignature::{Cosigned, TIME_MAX, cosign},
    hash::Hash,
    key::{KeyId, VerifierKey},
    note::{Note, NoteError, SIGNATURES_MAX},
    signer::{SignError, Signer},
};

/// Source: C2SP signed-note, verifier keys, example.
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRl\
    L1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

/// Source: C2SP tlog-cosignature, example.
const COSIGNED: &str = "example.com/behind-the-sofa\n20852163\n\
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5\
    /Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
    \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlr\
    DJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

#[test]
fn the_published_note_verifies_with_the_published_key() {
    let note = Note::parse(EXAMPLE.as_bytes()).unwrap();
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.to_string(), EXAMPLE);
    let keys = [VerifierKey::parse(EXAMPLE_KEY).unwrap()];
    let verified = note.verify(&keys).unwrap();
    assert_eq!(
        (verified[0].key, verified[0].time, verified.len()),
        (&keys[0], None, 1)
    );
    assert_eq!(
        note.verify(&[key("example.com/foo", 1)]),
        Err(NoteError::NoKnownSignature)
    );
    let changed = EXAMPLE.replace("example message", "exemple message");
    let changed = Note::parse(changed.as_bytes()).unwrap();
    let name = "example.com/foo".to_string();
    let bad = NoteError::BadSignature {
        name,
        id: KeyId(0x530d_903a),
    };
    assert_eq!(changed.verify(&keys), Err(bad));
}

#[test]
fn the_published_cosigned_checkpoint_is_read_with_its_unknown_signatures() {
    let note = Note::parse(COSIGNED.as_bytes()).unwrap();
    assert_eq!(note.to_string(), COSIGNED);
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    assert_eq!(checkpoint.origin, "example.com/behind-the-sofa");
    assert_eq!(
        (checkpoint.size, checkpoint.encode()),
        (20_852_163, note.text().into())
    );
    let [log, witness] = note.signatures() else {
        panic!("two signatures")
    };
    assert_eq!(
        (log.name(), log.id()),
        ("example.com/behind-the-sofa", KeyId(0x033d_e0ae))
    );
    assert_eq!(
        (witness.name(), witness.id()),
        ("witness.example.com/w1", KeyId(0x8d66_cf3f))
    );
    assert_eq!((log.signature().len(), witness.signature().len()), (64, 72));
    // The time the specification's text names.
    assert_eq!(witness.signature()[..8], 1_679_315_147_u64.to_be_bytes());
}

#[track_caller]
fn refused(note: &[u8], message: &str) {
    let error = Note::parse(note).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn a_note_that_is_not_as_the_format_wants_it_is_refused() {
    let line = "\u{2014} a AAAAAAA=\n";
    Note::parse(std::format!("text\n\n{line}").as_bytes()).unwrap();
    Note::parse(std::format!("text\n\nmore\n\n\n{line}").as_bytes()).unwrap();
    refused(b"", "no blank line");
    refused(b"text\n", "no blank line");
    refused(b"text\n\n", "no blank line");
    refused(b"text\n\n\n", "no blank line");
    refused(std::format!("text\n{line}").as_bytes(), "no blank line");
    refused(
        std::format!("text\n\n{}", line.trim_end()).as_bytes(),
        "no blank line",
    );
    refused(
        std::format!("text\r\n\n{line}").as_bytes(),
        "control character at byte 4",
    );
    refused(
        std::format!("te\0xt\n\n{line}").as_bytes(),
        "control character at byte 2",
    );
    refused(
        &[b"text\xff\n\n", line.as_bytes()].concat(),
        "not UTF-8 from byte 4",
    );
    let lines = [
        "- a AAAAAAA=",          // A hyphen.
        "\u{2014}a AAAAAAA=",    // No space.
        "\u{2014}  AAAAAAA=",    // No name.
        "\u{2014} a+b AAAAAAA=", // A plus.
        "\u{2014} a\u{a0}b AAAAAAA=",
        "\u{2014} a AAAAAAA=  ",
        "\u{2014} a  AAAAAAA=",
        "\u{2014} a AAAAAAA",  // No padding.
        "\u{2014} a AAAAAAB=", // Bits that stand for nothing.
        "\u{2014} a AAAAAA==", // A key id only.
        "\u{2014} a AAAA_AA=", // The other alphabet.
        "\u{2014} a",
    ];
    for bad in lines {
        refused(
            std::format!("text\n\n{line}{bad}\n").as_bytes(),
            "signature line 2",
        );
    }
    let most = std::format!("text\n\n{}", line.repeat(SIGNATURES_MAX));
    assert_eq!(
        Note::parse(most.as_bytes()).unwrap().signatures().len(),
        SIGNATURES_MAX
    );
    refused(
        std::format!("{most}{line}").as_bytes(),
        "has 65 signature lines",
    );
    refused(&alloc::vec![b'x'; 1 << 20], "holds 1048576 bytes");
}

#[track_caller]
fn bad_checkpoint(text: &str, message: &str) {
    let error = Checkpoint::parse(text).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn a_checkpoint_text_has_one_form() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    Checkpoint::parse(&std::format!("o\n0\n{root}\n")).unwrap();
    bad_checkpoint("", "three lines");
    bad_checkpoint(&std::format!("\n1\n{root}\n"), "three lines");
    bad_checkpoint(&std::format!("o\n1\n{root}"), "three lines");
    bad_checkpoint(&std::format!("o\n\n{root}\n"), "three lines");
    bad_checkpoint(&std::format!("o\n01\n{root}\n"), "tree size \"01\"");
    bad_checkpoint(&std::format!("o\n+1\n{root}\n"), "tree size \"+1\"");
    bad_checkpoint(
        &std::format!("o\n18446744073709551616\n{root}\n"),
        "tree size",
    );
    bad_checkpoint("o\n1\nCsUY\n", "root hash");
    bad_checkpoint(
        &std::format!("o\n1\n{}\n", root.replace("2I=", "2J=")),
        "root hash",
    );
    bad_checkpoint(&std::format!("o\n1\n{root}AAAA\n"), "root hash");
    let extended = std::format!("o\n1\n{root}\nextension\n");
    bad_checkpoint(&extended, "extension lines");
    assert_eq!(Checkpoint::parse_foreign(&extended).unwrap().size, 1);
    for torn in ["\n", "x", "x\n\n", "\nx\n", "x\n\ny\n"] {
        let text = std::format!("o\n1\n{root}\n{torn}");
        assert_eq!(
            Checkpoint::parse_foreign(&text),
            Err(CheckpointError::Lines),
            "{torn:?}"
        );
    }
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: ORIGIN.into(),
        size: 7,
        root: Hash([9; 32]),
    }
}

#[test]
fn a_checkpoint_opens_only_with_a_key_of_its_origin() {
    let note = checkpoint().sign(&signer(1)).unwrap();
    let keys = [key("other.example", 2), key(ORIGIN, 1)];
    assert_eq!(Checkpoint::open(note.as_bytes(), &keys), Ok(checkpoint()));
    assert_eq!(
        Checkpoint::open_own(note.as_bytes(), &keys[1]),
        Ok(checkpoint())
    );
    let unknown = Err(CheckpointError::Note(NoteError::NoKnownSignature));
    assert_eq!(
        Checkpoint::open(note.as_bytes(), &[key(ORIGIN, 2)]),
        unknown
    );

    // A key of another log, and a witness's key, sign the same text.
    let other = Note::sign(&checkpoint().encode(), "other.example", &signer(2)).unwrap();
    let origin = Err(CheckpointError::Origin {
        found: ORIGIN.into(),
    });
    assert_eq!(
        Checkpoint::open(other.to_string().as_bytes(), &keys),
        origin
    );
    let mut cosigned = other.clone();
    cosigned.push(cosign(&other, ORIGIN, &signer(3), 5).unwrap());
    let witness = VerifierKey::witness(ORIGIN, &signer(3).verifying_key()).unwrap();
    let all = [keys[0].clone(), witness];
    assert_eq!(
        Checkpoint::open(cosigned.to_string().as_bytes(), &all),
        origin
    );

    let twice = std::format!("{note}{}", note.lines().last().unwrap()) + "\n";
    assert_eq!(Checkpoint::open(twice.as_bytes(), &keys), Ok(checkpoint()));
    let signatures = Err(CheckpointError::Signatures { found: 2 });
    assert_eq!(Checkpoint::open_own(twice.as_bytes(), &keys[1]), signatures);
}

#[test]
fn what_cannot_be_signed_is_named() {
    let named = |origin: &str| Checkpoint {
        origin: origin.into(),
        ..checkpoint()
    };
    for origin in ["", "a b", "a+b", "a\nb"] {
        let refused = named(origin).sign(&signer(1));
        assert!(matches!(refused, Err(SignError::Name(_))), "{origin:?}");
    }
    assert_eq!(
        Note::sign("no newline", "a", &signer(1)),
        Err(SignError::Text)
    );
    assert_eq!(Note::sign("a\tb\n", "a", &signer(1)), Err(SignError::Text));
    let note = Note::sign(&checkpoint().encode(), ORIGIN, &signer(1)).unwrap();
    let late = cosign(&note, "w", &signer(2), TIME_MAX + 1);
    assert_eq!(late, Err(SignError::Time { time: TIME_MAX + 1 }));
    cosign(&note, "w", &signer(2), TIME_MAX).unwrap();
}

/// A signer that fails, as a service out of reach would.
struct OutOfReach;

impl Signer for OutOfReach {
    fn verifying_key(&self) -> [u8; 32] {
        signer(1).verifying_key()
    }

    fn sign(&self, _: &[u8]) -> Result<[u8; 64], SignError> {
        Err(SignError::Unavailable {
            reason: "timed out".into(),
        })
    }
}

#[test]
fn a_signer_can_be_behind_a_door_and_fail() {
    let signers: [&dyn Signer; 2] = [&signer(1), &OutOfReach];
    let signed = signers.map(|signer| checkpoint().sign(signer).map_err(|e| e.to_string()));
    assert!(signed[0].is_ok());
    assert_eq!(
        signed[1],
        Err(String::from("the signer did not sign: timed out"))
    );
}

#[test]
fn each_known_witness_is_counted_once_and_a_forged_one_spoils_the_note() {
    let log = [key(ORIGIN, 1)];
    let witness =
        |n: u8| VerifierKey::witness(&std::format!("w{n}"), &signer(n).verifying_key()).unwrap();
    let witnesses = [witness(11), witness(12)];
    let mut note = Note::sign(&checkpoint().encode(), ORIGIN, &signer(1)).unwrap();
    for (seed, time) in [(11, 100), (13, 101), (11, 102)] {
        let line = cosign(&note, &std::format!("w{seed}"), &signer(seed), time).unwrap();
        note.push(line);
    }
    let open = |note: &Note, known: &[VerifierKey]| {
        Cosigned::open(note.to_string().as_bytes(), &log, known)
    };
    let cosigned = open(&note, &witnesses).unwrap();
    assert_eq!(cosigned.checkpoint, checkpoint());
    let seen: Vec<_> = cosigned
        .cosignatures
        .iter()
        .map(|c| (c.witness.name(), c.time))
        .collect();
    assert_eq!(seen, [("w11", 100)]);
    assert_eq!(open(&note, &[]).unwrap().cosignatures, []);

    // A cosignature of another checkpoint, and one whose time was changed.
    let older = Checkpoint {
        size: 6,
        ..checkpoint()
    }
    .encode();
    let older = Note::sign(&older, ORIGIN, &signer(1)).unwrap();
    let mut forged = note.clone();
    forged.push(cosign(&older, "w12", &signer(12), 100).unwrap());
    let bad = open(&forged, &witnesses).unwrap_err().to_string();
    assert!(bad.contains("the signature of w12"), "{bad}");
    let line = cosign(&note, "w12", &signer(12), 100).unwrap().to_string();
    let encoded = line.split(' ').nth(2).unwrap();
    let mut shifted = encoded.to_string();
    // The fourth group of base64 holds the last bytes of the time.
    let last = if encoded.as_bytes()[15] == b'A' {
        "B"
    } else {
        "A"
    };
    shifted.replace_range(15..16, last);
    let text = std::format!("{note}{}", line.replace(encoded, &shifted));
    let bad = Cosigned::open(text.as_bytes(), &log, &witnesses)
        .unwrap_err()
        .to_string();
    assert!(bad.contains("the signature of w12"), "{bad}");
}
