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
