//! The signatures of many checkpoints, on every processor. It must never know where in a log they stand.

use core::num::NonZeroUsize;
use std::thread;

use counterfoil_journal::checkpoint::{OpenedNote, SignatureCheck};
use counterfoil_journal::key::VerifierKey;

/// Notes for which another thread is worth its start: a signature takes about 45 microseconds.
const NOTES_PER_THREAD_MIN: usize = 32;

/// Threads at most: the records are run again beside them.
const THREADS_MAX: usize = 8;

/// Notes of checkpoints, in sequence, opened. Of a verdict each on its own: signatures together can hold where a single
/// one does not, and what is intact must not depend on how many processors looked.
#[must_use]
pub fn open_notes<'k>(
    notes: &[&[u8]],
    key: &'k VerifierKey,
    check: SignatureCheck,
) -> Vec<OpenedNote<'k>> {
    let open = |notes: &[&[u8]]| OpenedNote::open_all(notes, key, check);
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = processors
        .min(THREADS_MAX)
        .min(notes.len() / NOTES_PER_THREAD_MIN);
    if threads <= 1 {
        return open(notes);
    }
    let part = notes.len().div_ceil(threads);
    thread::scope(|scope| {
        let (own, others) = notes.split_at(part);
        let started: Vec<_> = others
            .chunks(part)
            .map(|notes| {
                let work = move || open(notes);
                // No thread to be had: this one does its part as well.
                (notes, thread::Builder::new().spawn_scoped(scope, work).ok())
            })
            .collect();
        let mut opened = open(own);
        for (notes, thread) in started {
            let done = thread.and_then(|thread| thread.join().ok());
            opened.extend(done.unwrap_or_else(|| open(notes)));
        }
        opened
    })
}

#[cfg(test)]
mod tests {
    use counterfoil_journal::checkpoint::Checkpoint;
    use counterfoil_journal::hash::empty_root;
    use counterfoil_journal::note::Note;
    use counterfoil_journal::signer::{Ed25519Signer, Signer as _};

    use super::*;

    const ORIGIN: &str = "counterfoil/run/ab/1";

    /// What a note can have against it, beside a text that was changed after it was signed.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    enum Fault {
        None,
        Text,
        Signature,
        OtherOrigin,
        OtherKey,
        TwoSignatures,
        Extension,
        Torn,
    }

    fn note(signer: &Ed25519Signer, size: u64, fault: Fault) -> String {
        let checkpoint = Checkpoint {
            origin: ORIGIN.to_owned(),
            size,
            root: empty_root(),
        };
        let text = checkpoint.encode();
        let good = checkpoint.sign(signer).unwrap();
        let other = Ed25519Signer::from_seed(&[8; 32]);
        let of = |text: &str| Note::sign(text, ORIGIN, signer).unwrap().to_string();
        match fault {
            Fault::None => good,
            Fault::Text => good.replacen(&format!("\n{size}\n"), "\n9999\n", 1),
            Fault::Signature => {
                let (head, line) = good.rsplit_once(' ').unwrap();
                let (first, last) = line.split_at(40);
                let last = if last.starts_with('A') {
                    last.replacen('A', "B", 1)
                } else {
                    format!("A{}", &last[1..])
                };
                format!("{head} {first}{last}")
            }
            // Signed by the log's key, under its name, over another log's head.
            Fault::OtherOrigin => of(&text.replacen(ORIGIN, "counterfoil/run/cd/1", 1)),
            Fault::OtherKey => checkpoint.sign(&other).unwrap(),
            Fault::TwoSignatures => {
                let line = good.rsplit_once("\n\n").unwrap().1.to_owned();
                good + &line
            }
            Fault::Extension => of(&format!("{text}more\n")),
            Fault::Torn => good[..good.len() - 9].to_owned(),
        }
    }

    #[test]
    fn notes_come_in_sequence_and_each_alone_decides_about_itself() {
        let signer = Ed25519Signer::from_seed(&[7; 32]);
        let key = VerifierKey::new(ORIGIN, &signer.verifying_key()).unwrap();
        for fault in [
            Fault::None,
            Fault::Text,
            Fault::Signature,
            Fault::OtherOrigin,
            Fault::OtherKey,
            Fault::TwoSignatures,
            Fault::Extension,
            Fault::Torn,
        ] {
            for count in [0, 1, 63, 64, 65, 200] {
                // At the ends of the threads' parts too.
                let is_faulty = |size: u64| size.is_multiple_of(31) || size + 1 == count;
                let notes = (0..count).map(|size| {
                    let fault = if is_faulty(size) { fault } else { Fault::None };
                    note(&signer, size, fault)
                });
                let notes: Vec<String> = notes.collect();
                let notes: Vec<&[u8]> = notes.iter().map(String::as_bytes).collect();
                let alone = notes.iter().map(|note| OpenedNote::open(note, &key));
                let alone: Vec<String> = alone.map(|one| format!("{one:?}")).collect();
                for check in [SignatureCheck::Each, SignatureCheck::Together] {
                    let opened = open_notes(&notes, &key, check);
                    let opened: Vec<String> = opened.iter().map(|one| format!("{one:?}")).collect();
                    assert_eq!(opened, alone, "{fault:?} {check:?}");
                }
                let refused = alone.iter().filter(|one| one.contains("Err("));
                let faulty = (0..count).filter(|size| is_faulty(*size));
                let expected = if fault == Fault::None {
                    0
                } else {
                    faulty.count()
                };
                assert_eq!(refused.count(), expected, "{fault:?}");
            }
        }
    }
}
