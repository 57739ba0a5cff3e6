//! Writes the seeds of the fuzz corpora from real artefacts: `cargo run -p counterfoil-tests --bin
//! fuzz-seeds`. It must never write anything that a fuzzer found: a person adds those.
//!
//! Files named `seed-*` are replaced, all others stay.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a tool for the people who write the tests: it panics where a test would"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use counterfoil_base::gate::Gate;
use counterfoil_governance::record::LedgerRecord;
use counterfoil_journal::bundle;
use counterfoil_journal::entry::{GENESIS, HEAD_BYTES};
use counterfoil_journal::frame::{Frame, FrameReader};
use counterfoil_journal::hash::leaf_hash;
use counterfoil_journal::inclusion::inclusion_proof;
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::tile;
use counterfoil_journal::tree::Tree;
use counterfoil_policy::bundle::Bundle;
use counterfoil_policy::starter;
use counterfoil_policy::verdict::{PolicyRefusal, PolicyVerdict, VerdictDigests};
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_runner::study::proof::{DecisionSelector, prove};
use counterfoil_tests::world::{World, over_a_feed, project, public_key};
use counterfoil_trading::manifest::{RiskEntry, canonical_json};
use counterfoil_trading::record::record_kind;

/// Bodies kept of each kind of record in one journal.
const RECORDS_OF_A_KIND_MAX: usize = 3;

struct Corpus(PathBuf);

impl Corpus {
    fn seed(&self, target: &str, name: &str, bytes: impl AsRef<[u8]>) {
        let folder = self.0.join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("seed-{name}")), bytes).unwrap();
    }

    /// Takes the seeds of an earlier call away.
    fn clear(&self) {
        for folder in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            for file in fs::read_dir(folder.path()).unwrap() {
                let file = file.unwrap().path();
                let name = file.file_name().unwrap().to_str().unwrap();
                if name.starts_with("seed-") {
                    fs::remove_file(file).unwrap();
                }
            }
        }
    }
}

fn main() {
    let corpus = Corpus(project().join("fuzz/corpus"));
    corpus.clear();
    for (target, name, text) in counterfoil_fuzz::VENUE_SEEDS {
        corpus.seed(target, name, text);
    }
    let world = World::small(8);
    let mut manifest = world.cross(&["AAA", "BBB"], 1, 2, 10);
    manifest.cadence = 5;
    let backtest = world.backtest(&manifest, world.engine()).unwrap();
    journal(&corpus, "backtest", &backtest);

    let fed = over_a_feed(&manifest, "seeds");
    let mut lines = world.lines(&manifest);
    lines.push_str("{\"symbol\":\"CCC\"}\n{\"end-of-slice\":true}\nnothing\n");
    let live = world.live(&fed, &lines).unwrap();
    journal(&corpus, "live", &live);
    corpus.seed("feed", "bars", first_lines(&lines, 7));
    corpus.seed("feed", "not-bars", last_lines(&lines, 4));
    // Two slices, then the second one's bars again: they come too late.
    let late = last_lines(&first_lines(&lines, 4), 2);
    corpus.seed("feed", "late", first_lines(&lines, 4) + &late);

    let faulty = counterfoil_guests::component(
        r#"(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32)
          (result i32) unreachable)"#,
    );
    let faulty = world.manifest(&faulty, &["AAA"]);
    let fault = world.backtest(&faulty, world.engine()).unwrap();
    journal(&corpus, "fault", &fault);

    for (name, manifest) in [("snapshot", &manifest), ("feed", &fed)] {
        corpus.seed("manifest", name, manifest.canonical().unwrap());
    }
    let deployed = project().join("strategies/trend/manifest.json");
    corpus.seed("manifest", "strategy", fs::read(deployed).unwrap());

    files(&corpus);
    ledger(&corpus);
    policies(&corpus);
    corpus.seed("admission", "shell", counterfoil_guests::component(""));
    let import = r#"(import "wasi:cli/environment@0.2.0" "get" (func))"#;
    corpus.seed(
        "admission",
        "module",
        wat::parse_str(format!("(module {import})")).unwrap(),
    );
    println!("written to {}", corpus.0.display());
}

/// A journal, and everything in it.
fn journal(corpus: &Corpus, name: &str, outcome: &ExecutionOutcome) {
    let bytes = fs::read(outcome.execution.journal()).unwrap();
    for target in ["frames", "journal", "forged"] {
        corpus.seed(target, name, &bytes);
    }
    let mut entries = Vec::new();
    let mut last_note = Vec::new();
    let mut reader = FrameReader::new();
    let mut rest = bytes.as_slice();
    loop {
        let parsed = reader.parse(rest).unwrap();
        rest = &rest[parsed.consumed..];
        match parsed.frame {
            None => break,
            Some(Frame::Entry(entry)) => entries.push(entry.to_vec()),
            Some(Frame::Checkpoint(note)) => last_note = note.to_vec(),
        }
    }
    corpus.seed("note", name, last_note);
    let mut kept = BTreeMap::new();
    let mut decisions = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let body = &entry[HEAD_BYTES..];
        let kind = record_kind(body).unwrap();
        if kind == 2 {
            decisions.push(u64::try_from(index).unwrap());
        }
        let kept = kept.entry(kind).or_insert(0);
        if *kept < RECORDS_OF_A_KIND_MAX {
            *kept += 1;
            corpus.seed("record", &format!("{name}-{kind}-{index}"), body);
        }
    }
    if let Some(index) = decisions.last() {
        let proof = prove(&outcome.execution, &DecisionSelector::Entry(*index)).unwrap();
        corpus.seed("proof", name, proof.to_string());
    }
    let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    corpus.seed("tile", &format!("{name}-hashes"), tile::encode(&leaves));
    let mut packed = Vec::new();
    for entry in entries.iter().take(3) {
        bundle::encode_entry(entry, &mut packed).unwrap();
    }
    corpus.seed("tile", &format!("{name}-bundle"), packed);
    // Index, size, leaf, root, proof.
    let mut tree = Tree::new();
    for leaf in &leaves {
        tree.push(*leaf);
    }
    let mut proved = Vec::new();
    proved.extend(3_u64.min(tree.size() - 1).to_be_bytes());
    proved.extend(tree.size().to_be_bytes());
    let index = usize::try_from(3_u64.min(tree.size() - 1)).unwrap();
    proved.extend(leaves[index].0);
    proved.extend(tree.root().0);
    let hashes = inclusion_proof(&leaves, u64::try_from(index).unwrap(), tree.size()).unwrap();
    for hash in hashes {
        proved.extend(hash.0);
    }
    corpus.seed("tree", name, proved);
}

/// A ledger, and one record of each act in it.
fn ledger(corpus: &Corpus) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    counterfoil_tests::ledgers::write(&path);
    let bytes = fs::read(path).unwrap();
    corpus.seed("ledger", "walk", &bytes);
    let (mut reader, mut rest) = (FrameReader::new(), bytes.as_slice());
    loop {
        let parsed = reader.parse(rest).unwrap();
        rest = &rest[parsed.consumed..];
        match parsed.frame {
            None => break,
            Some(Frame::Entry(entry)) => {
                let body = &entry[HEAD_BYTES..];
                let record = LedgerRecord::decode(GENESIS, body).unwrap();
                let denied = if record.denied.is_some() {
                    "-denied"
                } else {
                    ""
                };
                let name = format!("{}{denied}", record.signed.act.name());
                corpus.seed("act", &name, body);
            }
            Some(Frame::Checkpoint(_)) => {}
        }
    }
}

/// The starter policy, a small one, and verdicts of each kind.
fn policies(corpus: &Corpus) {
    let starter = starter::bundle().unwrap();
    corpus.seed("bundle", "starter", starter.encode());
    let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
    let small = [file("a.rego", "package a\n"), file("b/data.rego", "")];
    let small = Bundle::new(small.into()).unwrap();
    corpus.seed("bundle", "small", small.encode());
    let digest = Some(small.digest());
    for (gate, refusal) in [
        (Gate::Promotion, PolicyRefusal::Missing),
        (Gate::Start, PolicyRefusal::TimeOut),
        (Gate::Limits, PolicyRefusal::Shape),
    ] {
        let digests = VerdictDigests {
            bundle: digest.filter(|_| refusal != PolicyRefusal::Missing),
            input: digest,
        };
        let refused = PolicyVerdict::refused(gate, digests, refusal, "as it came");
        corpus.seed("verdict", gate.name(), refused.encode().unwrap());
        let mut passed = serde_json::to_value(&refused).unwrap();
        passed["outcome"] = "pass".into();
        passed["reasons"] = serde_json::json!([]);
        if gate == Gate::Limits {
            passed["limits"] = serde_json::to_value(RiskEntry::research()).unwrap();
        }
        let name = format!("{}-pass", gate.name());
        corpus.seed("verdict", &name, canonical_json(&passed).unwrap());
    }
}

fn files(corpus: &Corpus) {
    let key = public_key();
    let vkey = VerifierKey::new("counterfoil/run/seed/1", &key.0).unwrap();
    corpus.seed("key", "vkey", vkey.to_string());
    corpus.seed("key", "hex", key.to_string());
    corpus.seed("key", "bytes", key.0);
    for (place, text) in [
        "12.3456", "-0.05", "1000000", "5", "1d", "15m", "1M", "0.0001",
    ]
    .iter()
    .enumerate()
    {
        corpus.seed("number", &place.to_string(), format!("\u{4}{text}"));
    }
    for (place, name) in [
        "tile/0/000",
        "tile/entries/x001/234.p/7",
        "tile/63/x999/x000/001",
    ]
    .iter()
    .enumerate()
    {
        corpus.seed("tile", &format!("name-{place}"), name);
    }
    corpus.seed(
        "csv",
        "symbols",
        "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\n\
         AAA,2020-01-02,10.5,11,10,10.75,1000,10.7\nAAA,2020-01-03,10.5,11,9.995,10,0,10\n\
         BBB,2020-01-03,5,6,4,5,10,5\nAAA,2020-01-01,1,2,1,1,1,1\nAAA,2020-01-03,1,2,1,1,1,1\n\
         BBB,2020-01-06,5,4,6,5,10,5\n",
    );
    corpus.seed(
        "csv",
        "quoted",
        "\u{feff}symbol;time;open;high;low;close;volume\r\n\
         \"A;A\";1577836800000;1.5;2;1;1.25;3.5\r\n\"A;A\";1577836860000;1.5;2;1;1.25;\r\n",
    );
    corpus.seed("csv", "gzip", GZIP);
}

/// A header and two rows, as gzip.
const GZIP: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 43, 174, 204, 77, 202, 207, 209, 41, 201, 204, 77, 213, 201,
    47, 72, 205, 211, 201, 200, 76, 207, 208, 201, 201, 47, 215, 73, 206, 201, 47, 78, 213, 41,
    203, 207, 41, 205, 77, 229, 114, 116, 116, 212, 49, 50, 48, 50, 208, 53, 48, 212, 53, 48, 210,
    49, 212, 1, 97, 67, 61, 83, 29, 75, 84, 41, 99, 20, 41, 0, 25, 49, 247, 109, 93, 0, 0, 0,
];

fn first_lines(text: &str, count: usize) -> String {
    text.split_inclusive('\n').take(count).collect()
}

fn last_lines(text: &str, count: usize) -> String {
    let skip = text.lines().count().saturating_sub(count);
    text.split_inclusive('\n').skip(skip).collect()
}
