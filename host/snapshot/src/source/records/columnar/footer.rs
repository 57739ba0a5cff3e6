//! The footer of an Arrow IPC file, or the messages of a stream, checked before Arrow's reader follows it: that reader
//! allocates whatever a length states. It must never read a value.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use arrow_ipc::{root_as_footer, root_as_message};
use arrow_schema::ArrowError;

/// The end of a file: the footer's length and the magic. Source: Arrow IPC File Format.
const TRAILER_BYTES: u64 = 10;

/// Bytes of a footer: 24 a batch, so half a billion bars.
const FOOTER_BYTES_MAX: u64 = 16 << 20;

/// A message's mark and length in a stream. Source: Arrow Columnar Format, Encapsulated message format.
const MESSAGE_PREFIX_BYTES: u64 = 8;

/// Bytes of one batch after decompression: seventeen million bars. The reader allocates what a batch states.
const BATCH_UNPACKED_MAX: u64 = 1 << 30;

/// Whether every block that the footer names is inside the file.
pub(super) fn check_footer(mut file: &File) -> Result<(), ArrowError> {
    let malformed = |reason: &str| ArrowError::IpcError(reason.to_owned());
    let size = file.metadata()?.len();
    let trailer_at = size
        .checked_sub(TRAILER_BYTES)
        .ok_or_else(|| malformed("too short"))?;
    let mut length = [0; 4];
    file.seek(SeekFrom::Start(trailer_at))?;
    file.read_exact(&mut length)?;
    let length = u64::from(u32::from_le_bytes(length));
    // The length is the file's own claim. One above the limit would be allocated below; one above
    // the file's size would be read from before its beginning.
    let footer_at = trailer_at
        .checked_sub(length)
        .filter(|_| length <= FOOTER_BYTES_MAX)
        .ok_or_else(|| malformed("the footer length is out of range"))?;
    let mut footer = vec![0; usize::try_from(length).unwrap_or(0)];
    file.seek(SeekFrom::Start(footer_at))?;
    file.read_exact(&mut footer)?;
    // The flatbuffers verifier runs here: offsets inside the footer point into the footer.
    let footer = root_as_footer(&footer).map_err(|error| malformed(&error.to_string()))?;
    let blocks = footer
        .recordBatches()
        .into_iter()
        .flatten()
        .chain(footer.dictionaries().into_iter().flatten());
    let limit = i128::from(footer_at);
    for block in blocks {
        let parts = [
            i128::from(block.offset()),
            i128::from(block.metaDataLength()),
            i128::from(block.bodyLength()),
        ];
        // Summed in 128 bits, where three numbers of 64 bits cannot wrap around to a small one.
        if parts.iter().any(|part| *part < 0) || parts.iter().sum::<i128>() > limit {
            return Err(malformed("a batch reaches beyond the file"));
        }
        let number = |value: i64| u64::try_from(value).unwrap_or(u64::MAX);
        let metadata = number(block.metaDataLength().into());
        check_message(file, number(block.offset()), metadata)?;
    }
    // The handle is the reader's next: it expects the beginning.
    file.seek(SeekFrom::Start(0))?;
    Ok(())
}

/// Whether every message of a stream is inside the file.
pub(super) fn check_stream(mut file: &File) -> Result<(), ArrowError> {
    let malformed = |reason: &str| ArrowError::IpcError(reason.to_owned());
    let size = file.metadata()?.len();
    let mut at: u64 = 0;
    // A stream may end without the mark of its end.
    while at < size {
        let mut prefix = [0; 8];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut prefix)?;
        let [a, b, c, d, length @ ..] = prefix;
        if [a, b, c, d] != [0xff; 4] {
            return Err(malformed("a message without its mark"));
        }
        let length = u64::from(u32::from_le_bytes(length));
        if length == 0 {
            break;
        }
        let metadata = length.saturating_add(MESSAGE_PREFIX_BYTES);
        let body = check_message(file, at, metadata)?;
        at = at.saturating_add(metadata).saturating_add(body);
        // The lengths are the file's own claims, and the reader allocates them.
        if at > size {
            return Err(malformed(
                "a message reaches beyond the file; it may be cut off",
            ));
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(())
}

/// Whether the columns of a batch, if it is compressed, state sizes that may be allocated. `metadata` is the length of
/// the message with what stands before it; the answer is that of its body.
fn check_message(mut file: &File, offset: u64, metadata: u64) -> Result<u64, ArrowError> {
    let malformed = |reason: String| ArrowError::IpcError(reason);
    let number = |value: i64| u64::try_from(value).unwrap_or(u64::MAX);
    if metadata > FOOTER_BYTES_MAX {
        return Err(malformed(format!(
            "a batch has metadata of {metadata} bytes"
        )));
    }
    let mut bytes = vec![0; usize::try_from(metadata).unwrap_or(0)];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes)?;
    // Before the message: its length, since 2019 after four bytes of a marker.
    let from = if bytes.starts_with(&[0xff; 4]) { 8 } else { 4 };
    let message = bytes.get(from..).unwrap_or_default();
    let message = root_as_message(message).map_err(|error| malformed(error.to_string()))?;
    let body_length = number(message.bodyLength());
    let dictionary = message.header_as_dictionary_batch();
    let batch = message
        .header_as_record_batch()
        .or_else(|| dictionary.and_then(|dictionary| dictionary.data()));
    let Some(batch) = batch.filter(|batch| batch.compression().is_some()) else {
        return Ok(body_length);
    };
    let body = offset.saturating_add(metadata);
    let mut sum: u64 = 0;
    for buffer in batch.buffers().into_iter().flatten() {
        let (from, length) = (number(buffer.offset()), number(buffer.length()));
        // Arrow's reader refuses a buffer that is outside the body or has no room for a length.
        if length < 8 || from.saturating_add(length) > body_length {
            continue;
        }
        let mut stated = [0; 8];
        file.seek(SeekFrom::Start(body.saturating_add(from)))?;
        file.read_exact(&mut stated)?;
        // Minus one says that the buffer is not compressed.
        let stated = u64::try_from(i64::from_le_bytes(stated)).unwrap_or(length);
        sum = sum.saturating_add(stated);
        if sum > BATCH_UNPACKED_MAX {
            return Err(malformed(format!(
                "a batch states more than {BATCH_UNPACKED_MAX} bytes after decompression"
            )));
        }
    }
    Ok(body_length)
}
