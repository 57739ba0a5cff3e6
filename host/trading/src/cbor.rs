//! The one writer and the one reader of deterministic CBOR. The reader takes only what the writer
//! would write, so that one value has one form.
//!
//! It must never know what the values mean.
//!
//! Source: RFC 8949, section 4.2.1, core deterministic encoding.

use alloc::string::String;
use alloc::vec::Vec;

use counterfoil_base::digest::Digest;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const TAG: u8 = 6;
const NULL: u8 = 0xf6;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;

/// What a reader expects where a number names an item of a list.
pub(crate) const KNOWN_NUMBER: &str = "a known number";

/// Why bytes are not what the writer would have written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("byte {offset}: expected {expected}")]
pub struct CborError {
    /// Where in the record.
    pub offset: usize,
    /// What the reader expects there.
    pub expected: &'static str,
}

/// Appends a head: major type and argument in the shortest form.
///
/// A decision has some thirty of them, so they and what writes them are compiled into their callers.
#[inline]
#[cfg_attr(
    not(test),
    expect(clippy::as_conversions, reason = "each arm's range fits")
)]
#[expect(clippy::cast_possible_truncation, reason = "each arm's range fits")]
fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    let (first, shift, taken) = match argument {
        0..=23 => (argument as u8, 0, 1),
        24..=0xff => (0x18, 56, 2),
        0x100..=0xffff => (0x19, 48, 3),
        0x1_0000..=0xffff_ffff => (0x1a, 32, 5),
        _ => (0x1b, 0, 9),
    };
    let argument = u128::from(argument.wrapping_shl(shift));
    let bytes = (u128::from(major | first) << 120 | argument << 56).to_be_bytes();
    // The copy is always of one length, and what is too much of it is taken back: a copy for each length costs a branch
    // that no processor foresees.
    let end = out.len().saturating_add(taken);
    out.extend_from_slice(&bytes);
    out.truncate(end);
}

fn length(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// Appends an unsigned integer.
#[inline]
pub fn put_u64(out: &mut Vec<u8>, value: u64) {
    head(out, UNSIGNED, value);
}

/// Appends a signed integer.
#[inline]
pub fn put_i64(out: &mut Vec<u8>, value: i64) {
    match u64::try_from(value) {
        Ok(value) => head(out, UNSIGNED, value),
        // RFC 8949, 3.1: a negative integer n is written as -1 - n, which is !n.
        Err(_) => head(out, NEGATIVE, (!value).unsigned_abs()),
    }
}

/// Appends a wide integer: a plain one where it fits, else a bignum (RFC 8949, 3.4.3).
#[inline]
pub fn put_i128(out: &mut Vec<u8>, value: i128) {
    let (major, magnitude) = if value < 0 {
        (NEGATIVE, !value)
    } else {
        (UNSIGNED, value)
    };
    if let Ok(argument) = u64::try_from(magnitude) {
        head(out, major, argument);
        return;
    }
    head(out, TAG, if major == NEGATIVE { 3 } else { 2 });
    // Without leading zeros, so that one value has one form.
    let bytes = magnitude.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    put_bytes(out, bytes.get(zeros..).unwrap_or_default());
}

/// Appends a byte string.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, value: &[u8]) {
    head(out, BYTES, length(value.len()));
    out.extend_from_slice(value);
}

/// Appends a text string.
pub fn put_text(out: &mut Vec<u8>, value: &str) {
    head(out, TEXT, length(value.len()));
    out.extend_from_slice(value.as_bytes());
}

/// Appends the head of an array of `items` items.
#[inline]
pub fn put_array(out: &mut Vec<u8>, items: usize) {
    head(out, ARRAY, length(items));
}

/// Appends a text string, or null.
pub fn put_text_or_null(out: &mut Vec<u8>, value: Option<&str>) {
    match value {
        None => put_null(out),
        Some(value) => put_text(out, value),
    }
}

/// Appends null.
pub fn put_null(out: &mut Vec<u8>) {
    out.push(NULL);
}

/// Appends true or false.
pub fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { TRUE } else { FALSE });
}

/// The number of `item`: its place in `all`, to which a format only appends.
pub(crate) fn number_in<T: PartialEq>(all: &[T], item: &T) -> u64 {
    // An item that `all` lacks gets a number that every reader refuses, and not the number of another.
    all.iter()
        .position(|other| other == item)
        .and_then(|place| u64::try_from(place).ok())
        .unwrap_or(u64::MAX)
}

/// Reads what the writer wrote, front to back.
#[derive(Clone, Debug)]
pub struct CborReader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> CborReader<'a> {
    /// A reader at the front of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    const fn error(&self, expected: &'static str) -> CborError {
        CborError {
            offset: self.offset,
            expected,
        }
    }

    fn take(&mut self, count: usize, expected: &'static str) -> Result<&'a [u8], CborError> {
        // A length near 2^64 would wrap around and pass the check of the bounds.
        let end = self.offset.checked_add(count).ok_or(self.error(expected))?;
        let bytes = self
            .bytes
            .get(self.offset..end)
            .ok_or(self.error(expected))?;
        self.offset = end;
        Ok(bytes)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.offset).copied()
    }

    fn head(&mut self, major: u8, expected: &'static str) -> Result<u64, CborError> {
        let error = self.error(expected);
        let first = self.peek().filter(|byte| byte >> 5 == major).ok_or(error)?;
        let (width, least) = match first & 31 {
            small @ 0..=23 => {
                self.take(1, expected)?;
                return Ok(u64::from(small));
            }
            24 => (1, 24),
            25 => (2, 0x100),
            26 => (4, 0x1_0000),
            27 => (8, 0x1_0000_0000),
            _ => return Err(error),
        };
        self.take(1, expected)?;
        let bytes = self.take(width, expected)?;
        let value = bytes
            .iter()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        // A longer form of a smaller number would be a second form of one value.
        if value < least { Err(error) } else { Ok(value) }
    }

    /// An unsigned integer.
    ///
    /// # Errors
    ///
    /// As every function here: [`CborError`] if the next bytes are something else.
    pub fn u64(&mut self) -> Result<u64, CborError> {
        self.head(UNSIGNED, "an unsigned integer")
    }

    /// An unsigned integer below 2^32.
    ///
    /// # Errors
    ///
    /// See [`CborReader::u64`].
    pub fn u32(&mut self) -> Result<u32, CborError> {
        let error = self.error("an unsigned integer below 2^32");
        u32::try_from(self.u64()?).map_err(|_| error)
    }

    /// A signed integer.
    ///
    /// # Errors
    ///
    /// See [`CborReader::u64`].
    pub fn i64(&mut self) -> Result<i64, CborError> {
        let error = self.error("an integer below 2^63");
        i64::try_from(self.i128()?).map_err(|_| error)
    }

    /// Passes an integer of 64 bits without its value.
    ///
    /// # Errors
    ///
    /// See [`CborReader::u64`].
    pub fn skip_integer(&mut self) -> Result<(), CborError> {
        let is_negative = self.peek().map(|byte| byte >> 5) == Some(NEGATIVE);
        let major = if is_negative { NEGATIVE } else { UNSIGNED };
        self.head(major, "an integer").map(|_| ())
    }

    /// A wide integer.
    ///
    /// # Errors
    ///
    /// See [`CborReader::u64`].
    pub fn i128(&mut self) -> Result<i128, CborError> {
        let error = self.error("an integer");
        match self.peek().map(|byte| byte >> 5) {
            Some(UNSIGNED) => self.u64().map(i128::from),
            Some(NEGATIVE) => self
                .head(NEGATIVE, "an integer")
                .map(|value| !i128::from(value)),
            Some(TAG) => {
                let tag = self.head(TAG, "a bignum")?;
                let bytes = self.byte_string()?;
                // A shorter number has a plain form, and one with a leading zero has a shorter form: both
                // would be a second form of one value, with a hash of its own.
                let fits = bytes.len() > 8 && bytes.len() <= 16 && bytes.first() != Some(&0);
                if !fits || !(2..=3).contains(&tag) {
                    return Err(error);
                }
                let value = bytes
                    .iter()
                    .fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
                let value = i128::try_from(value).map_err(|_| error)?;
                Ok(if tag == 3 { !value } else { value })
            }
            _ => Err(error),
        }
    }

    /// A byte string.
    ///
    /// # Errors
    ///
    /// See [`CborReader::u64`].
    pub fn byte_string(&mut self) -> Result<&'a [u8], CborError> {
        let error = self.error("a byte string");
        // The result borrows from the record, so a false length allocates nothing.
        let count = self.head(BYTES, "a byte string")?;
        self.take(
            usize::try_from(count).map_err(|_| error)?,
            "a whole byte string",
        )
    }

    /// A digest: a byte string of 32 bytes.
    ///
    /// # Errors
    ///
    /// See [`CborReader::u64`].
    pub fn digest(&mut self) -> Result<Digest, CborError> {
        self.bytes_32().map(Digest)
    }

    /// A byte string of 32 bytes, such as a public key.
    ///
    /// # Errors
    ///
    /// See [`CborReader::u64`].
    pub fn bytes_32(&mut self) -> Result<[u8; 32], CborError> {
        let error = self.error("a byte string of 32 bytes");
        self.byte_string()?.try_into().map_err(|_| error)
    }

    /// An item of `all`, by the number that [`number_in`] gives it.
    ///
    /// # Errors
    ///
    /// See [`CborReader::u64`].
    pub(crate) fn item_of<T: Copy>(
        &mut self,
        all: &[T],
        expected: &'static str,
    ) -> Result<T, CborError> {
        let error = CborError {
            offset: 0,
            expected,
        };
        // An unknown number is malformed: a default would turn the code of a later version into a known one.
        let place = usize::try_from(self.u64()?).map_err(|_| error)?;
        all.get(place).copied().ok_or(error)
    }

    /// A text string.
    ///
    /// # Errors
    ///
    /// See [`CborReader::u64`].
    pub fn text(&mut self) -> Result<String, CborError> {
        let error = self.error("a text string");
        let count = self.head(TEXT, "a text string")?;
        let bytes = self.take(
            usize::try_from(count).map_err(|_| error)?,
            "a whole text string",
        )?;
        core::str::from_utf8(bytes)
            .map(String::from)
            .map_err(|_| error)
    }

    /// A text string, or null.
    ///
    /// # Errors
    ///
    /// See [`CborReader::u64`].
    pub fn text_or_null(&mut self) -> Result<Option<String>, CborError> {
        if self.null() {
            return Ok(None);
        }
        self.text().map(Some)
    }

    /// The head of an array: how many items follow.
    ///
    /// # Errors
    ///
    /// See [`CborReader::u64`].
    pub fn array(&mut self) -> Result<usize, CborError> {
        let error = self.error("an array");
        let items = usize::try_from(self.head(ARRAY, "an array")?).map_err(|_| error)?;
        // Each item takes at least a byte: a larger count is a lie that must not size anything.
        let left = self.bytes.len().saturating_sub(self.offset);
        if items > left { Err(error) } else { Ok(items) }
    }

    /// The head of an array of exactly `items` items.
    ///
    /// # Errors
    ///
    /// See [`CborReader::u64`].
    pub fn array_of(&mut self, items: usize, expected: &'static str) -> Result<(), CborError> {
        let error = self.error(expected);
        if self.array()? == items {
            Ok(())
        } else {
            Err(error)
        }
    }

    /// Whether the next item is null; it is consumed if so.
    pub fn null(&mut self) -> bool {
        let found = self.peek() == Some(NULL);
        if found {
            self.offset = self.offset.saturating_add(1);
        }
        found
    }

    /// Whether the next item is an array.
    #[must_use]
    pub fn is_array(&self) -> bool {
        self.peek().map(|byte| byte >> 5) == Some(ARRAY)
    }

    /// True or false.
    ///
    /// # Errors
    ///
    /// See [`CborReader::u64`].
    pub fn bool(&mut self) -> Result<bool, CborError> {
        match self.take(1, "true or false")?.first() {
            Some(&TRUE) => Ok(true),
            Some(&FALSE) => Ok(false),
            _ => Err(self.error("true or false")),
        }
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    ///
    /// See [`CborReader::u64`].
    pub const fn end(&self) -> Result<(), CborError> {
        // Bytes behind the last item would be hashed and never read: a place to hide what no verifier
        // looks at.
        if self.offset == self.bytes.len() {
            Ok(())
        } else {
            Err(self.error("the end"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn every_integer_has_the_one_form_that_the_rfc_gives_it() {
        // RFC 8949, appendix A.
        let table: [(i128, &str); 12] = [
            (0, "00"),
            (23, "17"),
            (24, "1818"),
            (1000, "1903e8"),
            (1_000_000, "1a000f4240"),
            (18_446_744_073_709_551_615, "1bffffffffffffffff"),
            (18_446_744_073_709_551_616, "c249010000000000000000"),
            (-18_446_744_073_709_551_616, "3bffffffffffffffff"),
            (-18_446_744_073_709_551_617, "c349010000000000000000"),
            (-1, "20"),
            (-100, "3863"),
            (-1000, "3903e7"),
        ];
        for (value, expect) in table {
            let mut out = Vec::new();
            put_i128(&mut out, value);
            assert_eq!(hex::encode(&out), expect);
            let mut reader = CborReader::new(&out);
            assert_eq!(reader.i128(), Ok(value));
            assert_eq!(reader.end(), Ok(()));
            if let Ok(narrow) = i64::try_from(value) {
                let mut again = Vec::new();
                put_i64(&mut again, narrow);
                assert_eq!(again, out);
            }
        }
    }

    #[test]
    fn a_second_form_of_a_value_is_refused() {
        for bytes in [
            "1800",
            "190017",
            "1a0000ffff",
            "1b00000000ffffffff",
            "c24800ffffffffffffff",
            "1f",
            "",
        ] {
            let bytes = hex::decode(bytes).unwrap();
            assert!(CborReader::new(&bytes).i128().is_err(), "{bytes:?}");
        }
        assert!(
            CborReader::new(&[0x9a, 0xff, 0xff, 0xff, 0xff])
                .array()
                .is_err()
        );
        assert!(CborReader::new(&[0x62, 0xff, 0xff]).text().is_err());
    }

    #[test]
    fn another_library_reads_the_same_values() {
        let mut out = Vec::new();
        put_array(&mut out, 4);
        put_i64(&mut out, i64::MIN);
        put_text(&mut out, "a reason");
        put_bytes(&mut out, &[1, 2]);
        put_null(&mut out);
        let mut decoder = minicbor::Decoder::new(&out);
        assert_eq!(decoder.array().unwrap(), Some(4));
        assert_eq!(decoder.i64().unwrap(), i64::MIN);
        assert_eq!(decoder.str().unwrap(), "a reason");
        assert_eq!(decoder.bytes().unwrap().to_vec(), vec![1, 2]);
        decoder.null().unwrap();
    }
}
