//! Files that are given as tables and are none: a download's error page, a spreadsheet, a packing that is not read. It
//! must never decide by a file's name.

/// The first bytes of files of a kind, and what to do about them.
const KINDS: [(&[u8], &str); 9] = [
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive; unpack it first"),
    (b"BZh", "it is packed with bzip2; unpack it first"),
    (b"\xfd7zXZ\0", "it is packed with xz; unpack it first"),
    (b"Rar!", "it is a RAR archive; unpack it first"),
    (b"%PDF", "it is a PDF document; export the table as CSV"),
    (
        b"\xd0\xcf\x11\xe0",
        "it is a workbook of Excel; save the sheet as CSV",
    ),
    (
        b"SQLite format 3",
        "it is an SQLite database; export the table as CSV",
    ),
    (b"\x89HDF", "it is an HDF5 file; write it as Parquet or CSV"),
    (
        b"\x80\x04",
        "it is a Python pickle, which is never read; write it as Parquet or CSV",
    ),
];

/// What the first line of a text begins with, in lower case and without spaces.
const TEXTS: [(&str, &str); 3] = [
    ("<!doctype", HTML),
    ("<html", HTML),
    ("<?xml", "it is XML; export the table as CSV"),
];

const HTML: &str = "it is a web page and no data, as a download that failed leaves; open it in a browser to see why";

const JSON: &str = "it is JSON; write it as CSV or Parquet";

/// Why a file that begins so is no table; `None` if it may be one.
pub(super) fn foreign(begin: &[u8]) -> Option<&'static str> {
    if let Some((_, reason)) = KINDS.iter().find(|(magic, _)| begin.starts_with(magic)) {
        return Some(reason);
    }
    let text: String = String::from_utf8_lossy(begin)
        .trim_start_matches('\u{feff}')
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .take(16)
        .collect::<String>()
        .to_lowercase();
    if let Some((_, reason)) = TEXTS.iter().find(|(start, _)| text.starts_with(start)) {
        return Some(reason);
    }
    let is_json = ["{\"", "[{", "[[", "[\""]
        .iter()
        .any(|start| text.starts_with(start));
    (is_json || text == "{" || text == "[").then_some(JSON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_table_says_what_it_is() {
        let check = |begin: &[u8], expect: &str| {
            let found = foreign(begin).unwrap_or("a table");
            assert!(found.contains(expect), "{begin:?}: {found}");
        };
        check(b"7z\xbc\xaf\x27\x1c\0\x04", "7z archive");
        check(b"BZh91AY&SY", "bzip2");
        check(b"<!DOCTYPE html><html>", "web page");
        check(b"\xef\xbb\xbf <HTML>", "web page");
        check(b"[{\"open\":1}]", "JSON");
        check(b"{", "JSON");
        check(b"<DATE>\t<OPEN>\t<HIGH>", "a table");
        check(b"time,open,high,low,close", "a table");
        check(b"", "a table");
    }
}
