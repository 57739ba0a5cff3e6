//! The tables in a ZIP archive: found by the archive's directory, checked against it as they are read. Nothing is
//! unpacked to a file, so that a member's name can never be a path.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use crate::error::IngestError;
use crate::source::options::{IngestOptions, UNPACKED_RATIO_MAX};

/// The first bytes of a ZIP archive, and of one without members. Source: PKWARE, APPNOTE.TXT, 4.3.
pub(super) const ZIP_MAGIC: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// Tables of one archive: a file for each of ten thousand instruments.
const TABLES_MAX: usize = 10_000;

/// Unpacked bytes below which the ratio does not matter.
const RATIO_BYTES_MIN: u64 = 64 << 20;

/// A file that every workbook of Excel and no other archive has. Source: ECMA-376, part 2, 10.1.2.
const SPREADSHEET: &str = "[Content_Types].xml";

/// How names of tables end. Vendors send reports as text beside tables that are called CSV, so the first group that
/// an archive has is the one that is read.
const TABLE_ENDS: [&[&str]; 2] = [
    &[".csv", ".tsv", ".csv.gz"],
    &[".txt", ".dat", ".prn", ".asc", ".txt.gz"],
];

/// A member that is a table.
#[derive(Clone, Debug)]
pub(super) struct TableMember {
    pub(super) name: String,
    start: u64,
    packed: u64,
    size: u64,
    crc: u32,
    is_packed: bool,
}

/// The tables of an archive, by name, and the names of its other files.
#[derive(Debug)]
pub(super) struct ArchiveTables {
    pub(super) tables: Vec<TableMember>,
    pub(super) others: Vec<String>,
}

/// The tables in an archive, or the one that the caller asks for.
///
/// # Errors
///
/// Returns [`IngestError::Archive`] if there is none, or one cannot be read.
pub(super) fn tables(
    file: &File,
    name: &str,
    options: &IngestOptions,
) -> Result<ArchiveTables, IngestError> {
    let error = |reason: String| IngestError::Archive {
        file: name.to_owned(),
        reason,
    };
    let damaged = |problem: &dyn core::fmt::Display| {
        error(format!(
            "cannot be read as ZIP: {problem}; download it again"
        ))
    };
    let own = file.try_clone().map_err(IngestError::source(name, 0))?;
    let mut archive = ZipArchive::new(BufReader::new(own)).map_err(|problem| damaged(&problem))?;
    let mut names = Vec::new();
    for index in 0..archive.len() {
        let member = archive
            .by_index_raw(index)
            .map_err(|problem| damaged(&problem))?;
        if member.is_file() {
            names.push((
                String::from_utf8_lossy(member.name_raw()).into_owned(),
                index,
            ));
        }
    }
    if names.iter().any(|(name, _)| name == SPREADSHEET) {
        return Err(error("is a spreadsheet; save its sheet as CSV".to_owned()));
    }
    // By name and not by place: archives of the same files may have them in any sequence.
    names.sort();
    let (chosen, others) = choose(names, options.member.as_deref()).map_err(error)?;
    let mut tables = Vec::with_capacity(chosen.len());
    let mut total: u64 = 0;
    for (member_name, index) in chosen {
        let member = archive
            .by_index_raw(index)
            .map_err(|problem| damaged(&problem))?;
        let way_on = "unpack the archive and ingest the file itself";
        if member.encrypted() {
            return Err(error(format!("{member_name} in it is encrypted; {way_on}")));
        }
        let is_packed = member.compression() != CompressionMethod::Stored;
        if is_packed && member.compression() != CompressionMethod::Deflated {
            return Err(error(format!(
                "{member_name} in it is packed by another method than deflate; {way_on}"
            )));
        }
        let (size, packed) = (member.size(), member.compressed_size());
        // Stated sizes are checked here, and again as the member is read: nothing is believed.
        let is_bomb = options.limits.unpacked_max.is_none()
            && size > RATIO_BYTES_MIN
            && size > packed.saturating_mul(UNPACKED_RATIO_MAX);
        total = total.saturating_add(size);
        if is_bomb || total > options.limits.bytes_max {
            return Err(error(format!(
                "{member_name} in it would be {size} bytes, from {packed}; if the archive is right, allow more with \
                 --unpacked-max BYTES, or {way_on}"
            )));
        }
        let start = member.data_start();
        tables.push(TableMember {
            start: start.ok_or_else(|| damaged(&"a member has no beginning"))?,
            name: member_name,
            packed,
            size,
            crc: member.crc32(),
            is_packed,
        });
    }
    Ok(ArchiveTables { tables, others })
}

/// A file of an archive, and its place there.
type NamedMember = (String, usize);

/// Those that are read, and the names of the others.
fn choose(
    names: Vec<NamedMember>,
    asked: Option<&str>,
) -> Result<(Vec<NamedMember>, Vec<String>), String> {
    let is_alone = names.len() == 1;
    let ends = TABLE_ENDS
        .iter()
        .find(|ends| names.iter().any(|(name, _)| is_table(name, ends)));
    let is_chosen = |name: &str| match (asked, ends) {
        (Some(asked), _) => name == asked || base_name(name) == asked,
        (None, Some(ends)) => is_table(name, ends),
        // A lone file has any name.
        (None, None) => is_alone,
    };
    let (chosen, others): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|(name, _)| is_chosen(name));
    let others: Vec<String> = others.into_iter().map(|(name, _)| name).collect();
    let listed = some_of(&others);
    match (chosen.len(), asked) {
        (0, Some(asked)) => Err(format!("has no file {asked:?}; it has {listed}")),
        (0, None) if others.is_empty() => Err("has no files".to_owned()),
        (0, None) => Err(format!(
            "has no table (.csv, .tsv, .txt): it has {listed}; state the one to read with --member"
        )),
        (count, _) if count > TABLES_MAX => Err(format!(
            "has {count} tables, more than {TABLES_MAX}; split it, or state one with --member"
        )),
        _ => Ok((chosen, others)),
    }
}

/// Whether a file's name is that of a table.
fn is_table(name: &str, ends: &[&str]) -> bool {
    let lower = name.to_lowercase();
    // macOS adds a hidden file to each.
    let is_hidden = base_name(name).starts_with('.') || name.starts_with("__MACOSX/");
    !is_hidden && ends.iter().any(|end| lower.ends_with(end))
}

/// A file's name without folders.
fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// The first names of a list, for messages.
pub(super) fn some_of(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
    let more = names.len().saturating_sub(shown.len());
    let more = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    format!("{}{more}", shown.join(", "))
}

impl TableMember {
    /// The member's bytes, unpacked.
    pub(super) fn open(&self, file: &File) -> io::Result<MemberReader> {
        let mut own = file.try_clone()?;
        own.seek(SeekFrom::Start(self.start))?;
        let packed = BufReader::new(own.take(self.packed));
        Ok(MemberReader {
            inner: if self.is_packed {
                Box::new(DeflateDecoder::new(packed))
            } else {
                Box::new(packed)
            },
            seen: Crc::new(),
            bytes: 0,
            size: self.size,
            crc: self.crc,
        })
    }
}

/// Reads a member and checks its size and checksum.
pub(super) struct MemberReader {
    inner: Box<dyn Read>,
    seen: Crc,
    bytes: u64,
    size: u64,
    crc: u32,
}

impl Read for MemberReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let bad = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        self.seen.update(buffer.get(..count).unwrap_or_default());
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        // A member that goes on beyond what the directory states is no longer the one that was checked.
        if self.bytes > self.size {
            return bad("a file in the archive is larger than the archive states");
        }
        let is_end = count == 0 && !buffer.is_empty();
        if is_end && (self.bytes != self.size || self.seen.sum() != self.crc) {
            return bad("a file in the archive does not match its checksum");
        }
        Ok(count)
    }
}
