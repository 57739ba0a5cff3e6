//! A part of a document that a test writes from the source: between `<!-- generated: NAME -->` and
//! `<!-- end generated -->`. Tests of several crates include this file, so it uses only `std`.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Two parts of one document are never written at once: the later test would read a file that the
/// earlier one has truncated.
static WRITING: Mutex<()> = Mutex::new(());

/// Compares a generated part with what the source says. With `UPDATE_DOCS` in the environment it
/// writes the part instead.
#[track_caller]
pub(crate) fn check(document: &str, name: &str, expected: &str) {
    let _guard = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = crate_folder
        .ancestors()
        .find(|folder| folder.join("docs/STYLE.md").exists())
        .unwrap();
    let path = root.join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = text.split_once(&begin).unwrap();
    let (found, after) = rest.split_once("<!-- end generated -->").unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = format!("{before}{begin}{expected}<!-- end generated -->{after}");
        std::fs::write(&path, text).unwrap();
        return;
    }
    assert!(
        found == expected,
        "{document}: the part {name:?} is not what the source says; run this test with UPDATE_DOCS=1"
    );
}
