//! The signatures of a chunk's checkpoints, on every processor. It must never know where in a journal they stand.

use core::num::NonZeroUsize;
use std::thread;

use counterfoil_journal::checkpoint::OpenedNote;
use counterfoil_journal::frame::Frame;
use counterfoil_journal::key::VerifierKey;

use crate::chunk::JournalChunk;

/// Notes for which another thread is worth its start: a signature takes about 45 microseconds.
const NOTES_PER_THREAD_MIN: usize = 32;

/// Threads at most: the records are run again beside them.
const THREADS_MAX: usize = 8;

/// The notes of a chunk's checkpoints, in sequence, opened each on its own. Not as a batch: a batch of signatures can
/// hold where a single one does not, and what is intact must not depend on how many processors looked.
pub(crate) fn open_notes<'k>(chunk: &JournalChunk, key: &'k VerifierKey) -> Vec<OpenedNote<'k>> {
    let notes: Vec<&[u8]> = chunk
        .frames()
        .filter_map(|frame| match frame {
            Frame::Checkpoint(note) => Some(note),
            Frame::Entry(_) => None,
        })
        .collect();
    let open = |notes: &[&[u8]]| -> Vec<OpenedNote<'k>> {
        notes
            .iter()
            .map(|note| OpenedNote::open(note, key))
            .collect()
    };
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = processors
        .min(THREADS_MAX)
        .min(notes.len() / NOTES_PER_THREAD_MIN);
    if threads <= 1 {
        return open(&notes);
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
    use counterfoil_journal::frame::{MAGIC, write_checkpoint};
    use counterfoil_journal::hash::empty_root;
    use counterfoil_journal::signer::{Ed25519Signer, Signer as _};

    use super::*;
    use crate::chunk::ChunkReader;

    #[test]
    fn notes_come_in_sequence_and_each_alone_decides_about_itself() {
        let signer = Ed25519Signer::from_seed(&[7; 32]);
        let key = VerifierKey::new("counterfoil/run/ab/1", &signer.verifying_key()).unwrap();
        for count in [0, 1, 63, 64, 65, 200] {
            let mut bytes = MAGIC.to_vec();
            for size in 0..count {
                let checkpoint = Checkpoint {
                    origin: "counterfoil/run/ab/1".to_owned(),
                    size,
                    root: empty_root(),
                };
                let mut note = checkpoint.sign(&signer).unwrap();
                // Changed after it was signed, at the ends of the threads' parts too.
                if size % 31 == 0 || size + 1 == count {
                    note = note.replacen(&format!("\n{size}\n"), "\n9\n", 1);
                }
                write_checkpoint(&note, &mut bytes).unwrap();
            }
            let mut reader = ChunkReader::new(&bytes[..]);
            let Some(chunk) = reader.next().unwrap() else {
                assert_eq!(count, 0);
                continue;
            };
            let alone = chunk.frames().map(|frame| match frame {
                Frame::Checkpoint(note) => format!("{:?}", OpenedNote::open(note, &key)),
                Frame::Entry(_) => unreachable!(),
            });
            let together = open_notes(&chunk, &key);
            let together: Vec<String> = together.iter().map(|one| format!("{one:?}")).collect();
            assert_eq!(together, alone.collect::<Vec<_>>());
            let refused = together.iter().filter(|one| one.contains("BadSignature"));
            assert!(refused.count() > 0, "{count}");
        }
    }
}
