//! The same answers with the index, without it, behind it, and over whatever became of its files.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod desk;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use counterfoil_governance::ledger::{PrefixDigests, verify};
use counterfoil_index::{
    AnsweredBy, AnyTerm, IndexError, IndexSecret, SearchCandidates, SearchTerm, TERM_BYTES_MAX,
    indexed_records, rebuild, search,
};
use counterfoil_index::{read_mark, write_mark};
use counterfoil_os::file_path::FilePath;
use counterfoil_os::lock::FileLock;
use desk::{LedgerRecord, Made, key, terms};
use proptest::prelude::*;

/// What seals the index.
const SECRET: IndexSecret = IndexSecret([9; 32]);

/// A ledger with many records, and where each ends.
static MADE: LazyLock<Made> = LazyLock::new(|| desk::made(60));

/// What is asked of every ledger.
fn wants() -> Vec<Vec<AnyTerm>> {
    let want = |terms: &[&str]| AnyTerm(terms.iter().map(|term| (*term).to_owned()).collect());
    vec![
        vec![],
        vec![want(&["actor=dan"])],
        vec![want(&["act=exception"])],
        vec![want(&["act=exception-grant"]), want(&["owner=bob"])],
        vec![want(&["rule=rule-1"])],
        vec![want(&["rule=rule-1", "rule=rule-2"])],
        vec![want(&["owner=nobody"])],
        vec![want(&[""])],
    ]
}

/// What the ledger itself answers.
fn alone(bytes: &[u8], wanted: &[AnyTerm]) -> Vec<u64> {
    let verified = verify(bytes, &key()).unwrap();
    let records = verified.places.records(bytes, 0).map(Result::unwrap);
    let fits = records.filter(|(index, record)| says(*index, record, wanted));
    fits.map(|(index, _)| index).collect()
}

fn says(index: u64, record: &LedgerRecord, wanted: &[AnyTerm]) -> bool {
    let terms = terms(index, record);
    wanted.iter().all(|want| {
        let mut any = want.0.iter();
        any.any(|start| terms.iter().any(|term| term.starts_with(start.as_str())))
    })
}

/// Asks everything of this ledger with the index in `folder`, and compares.
#[track_caller]
fn check(bytes: &[u8], folder: &Path) -> Vec<bool> {
    let mut by_index = Vec::new();
    for wanted in wants() {
        let found = search(
            &mut PrefixDigests::new(bytes),
            &key(),
            &FilePath::folder(folder),
            Some(&SECRET),
            &terms,
            &wanted,
        )
        .unwrap();
        let places = &found.verified.places;
        let candidates = found.candidates.iter().copied();
        let candidates = candidates.filter(|index| {
            let record = places.record(bytes, *index).unwrap().unwrap();
            says(*index, &record, &wanted)
        });
        assert_eq!(
            candidates.collect::<Vec<_>>(),
            alone(bytes, &wanted),
            "{wanted:?}"
        );
        let whole = verify(bytes, &key()).unwrap();
        assert_eq!(found.verified.state, whole.state);
        by_index.push(matches!(found.by, AnsweredBy::Index));
    }
    by_index
}

/// What a search for one term finds, with the index in this folder.
fn asked(bytes: &[u8], folder: &Path, want: AnyTerm) -> SearchCandidates {
    let folder = FilePath::folder(folder);
    search(
        &mut PrefixDigests::new(bytes),
        &key(),
        &folder,
        Some(&SECRET),
        &terms,
        &[want],
    )
    .unwrap()
}

#[test]
fn the_index_is_used_and_narrows_the_search() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = MADE.up_to(60);
    assert_eq!(
        indexed_records(&FilePath::folder(folder.path()), &SECRET),
        None
    );
    assert!(check(bytes, folder.path()).iter().all(|by_index| *by_index));
    assert_eq!(
        indexed_records(&FilePath::folder(folder.path()), &SECRET),
        Some(60)
    );
    let want = AnyTerm(BTreeSet::from(["rule=rule-1".to_owned()]));
    let found = asked(bytes, folder.path(), want);
    assert!(found.candidates.len() < 30, "{:?}", found.candidates);
    let found = rebuild(
        &mut PrefixDigests::new(bytes),
        &key(),
        &FilePath::folder(folder.path()),
        Some(&SECRET),
        &terms,
    )
    .unwrap();
    assert!(matches!(found.by, AnsweredBy::Index));
    check(bytes, folder.path());
}

/// Files of an index that lack the records of one actor, sealed with another secret over the right ledger.
#[test]
fn an_index_that_somebody_else_sealed_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = MADE.up_to(60);
    let forger = IndexSecret([1; 32]);
    let without_dan = |index: u64, record: &LedgerRecord| -> BTreeSet<SearchTerm> {
        let all = terms(index, record).into_iter();
        all.filter(|term| !term.starts_with("actor=dan")).collect()
    };
    let want = AnyTerm(BTreeSet::from(["actor=dan".to_owned()]));
    search(
        &mut PrefixDigests::new(bytes),
        &key(),
        &FilePath::folder(folder.path()),
        Some(&forger),
        &without_dan,
        &[],
    )
    .unwrap();
    assert_eq!(
        indexed_records(&FilePath::folder(folder.path()), &SECRET),
        None
    );
    assert!(check(bytes, folder.path()).iter().all(|by_index| *by_index));
    // Without the secret the ledger answers, whatever is there.
    let found = search(
        &mut PrefixDigests::new(bytes),
        &key(),
        &FilePath::folder(folder.path()),
        None,
        &without_dan,
        core::slice::from_ref(&want),
    )
    .unwrap();
    assert!(matches!(found.by, AnsweredBy::Ledger(IndexError::NoSecret)));
    assert_eq!(found.candidates.len(), 60);
    // A record that its index has lost is found all the same.
    rebuild(
        &mut PrefixDigests::new(bytes),
        &key(),
        &FilePath::folder(folder.path()),
        Some(&SECRET),
        &without_dan,
    )
    .unwrap();
    let found = asked(bytes, folder.path(), want);
    assert_eq!(found.candidates.len(), 60);
}

/// A mark is sealed with the same secret, over no files; as the seal of an index without files it would hide everything.
#[test]
fn a_mark_in_the_place_of_a_seal_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = MADE.up_to(60);
    let mark = verify(bytes, &key()).unwrap().mark();
    let path = folder.path().join("seal");
    write_mark(&FilePath::named(path.clone()), key().name(), mark, &SECRET).unwrap();
    assert_eq!(
        read_mark(&FilePath::named(path.clone()), key().name(), &SECRET),
        Some(mark)
    );
    assert_eq!(
        read_mark(
            &FilePath::named(path.clone()),
            "counterfoil/ledger/other",
            &SECRET
        ),
        None
    );
    check(bytes, folder.path());
    // And the seal of an index is no mark.
    assert_eq!(
        read_mark(&FilePath::named(path.clone()), key().name(), &SECRET),
        None
    );
}

#[test]
fn a_second_process_answers_from_the_ledger_alone() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = MADE.up_to(20);
    check(bytes, folder.path());
    // The lock of another open file is another's, in this process too.
    let lock = FileLock::try_take(&folder.path().join("lock"))
        .unwrap()
        .unwrap();
    assert!(check(bytes, folder.path()).iter().all(|by_index| !by_index));
    let found = rebuild(
        &mut PrefixDigests::new(bytes),
        &key(),
        &FilePath::folder(folder.path()),
        Some(&SECRET),
        &terms,
    )
    .unwrap();
    assert!(matches!(found.by, AnsweredBy::Ledger(_)));
    drop(lock);
    assert!(check(bytes, folder.path()).iter().all(|by_index| *by_index));
    // Many at once, each with an answer.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| check(MADE.up_to(30), folder.path()));
        }
    });
}

#[test]
fn an_index_that_cannot_be_made_is_done_without() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    assert!(check(MADE.up_to(5), &file).iter().all(|by_index| !by_index));
}

#[test]
fn long_terms_are_found_by_their_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("reason={}", "x".repeat(2 * TERM_BYTES_MAX));
    let said = |index: u64, _: &LedgerRecord| -> BTreeSet<SearchTerm> {
        BTreeSet::from([format!("{long}{index}"), "none=".to_owned()])
    };
    for wanted in [format!("{long}7"), long.clone(), "reason=xx".to_owned()] {
        let want = AnyTerm(BTreeSet::from([wanted]));
        let bytes = MADE.up_to(10);
        let found = search(
            &mut PrefixDigests::new(bytes),
            &key(),
            &FilePath::folder(folder.path()),
            Some(&SECRET),
            &said,
            &[want],
        )
        .unwrap();
        assert!(found.candidates.contains(&7), "{:?}", found.candidates);
    }
}

#[test]
fn a_ledger_that_does_not_hold_is_no_answer_with_an_index_either() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = MADE.up_to(20).to_vec();
    check(&bytes, folder.path());
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let found = search(
        &mut PrefixDigests::new(&bytes),
        &key(),
        &FilePath::folder(folder.path()),
        Some(&SECRET),
        &terms,
        &[],
    );
    let whole = verify(&bytes, &key());
    assert_eq!(found.is_err(), whole.is_err());
    // And the index, which was emptied for it, serves the good one again.
    check(MADE.up_to(20), folder.path());
}

/// What can become of an index between two searches.
#[derive(Clone, Debug)]
enum Damage {
    None,
    Deleted,
    /// Which file, where in it, and what is put there.
    Garbage(usize, usize, Vec<u8>),
    Cut(usize, usize),
    Removed(usize),
    Emptied,
    Stranger,
}

fn damage() -> impl Strategy<Value = Damage> {
    let (file, place) = (any::<usize>(), any::<usize>());
    let bytes = prop::collection::vec(any::<u8>(), 1..200);
    prop_oneof![
        3 => Just(Damage::None),
        1 => Just(Damage::Deleted),
        4 => (file, place, bytes).prop_map(|(file, place, bytes)| Damage::Garbage(file, place, bytes)),
        2 => (file, place).prop_map(|(file, place)| Damage::Cut(file, place)),
        1 => file.prop_map(Damage::Removed),
        1 => Just(Damage::Emptied),
        1 => Just(Damage::Stranger),
    ]
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all.sort();
    all
}

impl Damage {
    fn happen(&self, folder: &Path) {
        let all = files(folder);
        let file = |which: usize| all.get(which % all.len().max(1));
        match self {
            Self::None => {}
            Self::Deleted => fs::remove_dir_all(folder).unwrap_or_default(),
            Self::Garbage(which, place, garbage) => {
                let Some(path) = file(*which) else { return };
                let mut bytes = fs::read(path).unwrap();
                let place = place % (bytes.len() + 1);
                let end = bytes.len().min(place + garbage.len());
                bytes.splice(place..end, garbage.iter().copied());
                fs::write(path, bytes).unwrap();
            }
            Self::Cut(which, place) => {
                let Some(path) = file(*which) else { return };
                let bytes = fs::read(path).unwrap();
                fs::write(path, &bytes[..place % (bytes.len() + 1)]).unwrap();
            }
            Self::Removed(which) => {
                if let Some(path) = file(*which) {
                    fs::remove_file(path).unwrap();
                }
            }
            Self::Emptied => {
                for path in all {
                    fs::write(path, "").unwrap();
                }
            }
            // Files where folders should be.
            Self::Stranger => {
                let db = folder.join("db");
                fs::remove_dir_all(&db).unwrap_or_default();
                fs::create_dir_all(folder).unwrap();
                fs::write(db, "a file").unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_becomes_of_ledger_and_index_the_answers_are_the_ledgers(
        steps in prop::collection::vec((1_usize..=60, damage()), 1..6)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("index");
        for (size, damage) in steps {
            // The ledger has grown, or its end was cut off, or it is as it was.
            let by_index = check(MADE.up_to(size), &index);
            prop_assert!(by_index.iter().all(|by_index| *by_index));
            damage.happen(&index);
        }
        check(MADE.up_to(60), &index);
    }
}

/// A link in the index's place, or in it: sled would write wherever it leads.
#[test]
fn no_link_leads_the_index_out_of_its_folder() {
    let place = tempfile::tempdir().unwrap();
    let (data, outside) = (place.path().join("data"), place.path().join("outside"));
    fs::create_dir(&data).unwrap();
    fs::create_dir(&outside).unwrap();
    let bytes = MADE.up_to(60);
    let folder = FilePath::folder(&data).join("index");
    let by = || {
        let found = search(
            &mut PrefixDigests::new(bytes),
            &key(),
            &folder,
            Some(&SECRET),
            &terms,
            &[],
        )
        .unwrap();
        assert_eq!(found.candidates.len(), 60);
        found.by
    };
    std::os::unix::fs::symlink(&outside, &folder).unwrap();
    let AnsweredBy::Ledger(error) = by() else {
        panic!("an index outside was used");
    };
    assert!(
        error.to_string().contains("is a link that leads out"),
        "{error}"
    );
    fs::remove_file(&folder).unwrap();
    for name in ["db", "db/db", "seal"] {
        assert!(matches!(by(), AnsweredBy::Index));
        let at = folder.join(name);
        fs::remove_dir_all(&at)
            .or_else(|_| fs::remove_file(&at))
            .unwrap();
        std::os::unix::fs::symlink(&outside, &at).unwrap();
        // The link is thrown away with the index, and what it leads to stays.
        assert!(matches!(by(), AnsweredBy::Index), "{name}");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{name}");
    }
}
