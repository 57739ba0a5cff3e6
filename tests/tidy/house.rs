//! Figures of the source that keep it readable: comments, names, parameters, import circles, the length of the
//! documents. Each has a limit; a change that crosses one is a change to think about again.
//!
//! It reads the source as text, so that nothing it checks can break it.

use std::collections::{BTreeMap, BTreeSet};

/// Comments in bodies, in thousandths of the lines that are not empty. The aim is 30; one below it lets a change
/// that only deletes comments with their code pass.
const BODY_COMMENTS_PER_MILLE_MIN: usize = 29;
/// Type names that stand for two things or more: names of the SDK that authors write, and their models in the host.
const NAMES_USED_TWICE_MAX: usize = 6;
/// Letters of the type name in the middle.
const NAME_LETTERS_MEDIAN_MIN: usize = 10;

/// Words in docs/, signs of tables among them. A new fact takes the place of one that is said twice; what leaves
/// the documents lowers it.
const DOCUMENT_WORDS_MAX: usize = 21_000;

/// A source file without its own tests.
struct Source {
    path: String,
    text: String,
}

/// The files that the figures count: no tests, no benches, nothing generated.
fn counted() -> Vec<Source> {
    let all = crate::tests::sources().into_iter();
    let counted = all.filter(|(path, _)| {
        !path.contains("bindings")
            && !path.starts_with("fuzz/")
            && !crate::tests::is_test_or_bench(path)
            && !path.ends_with("tests.rs")
    });
    counted
        .map(|(path, text)| {
            let text = crate::tests::before_tests(&text).to_owned();
            Source { path, text }
        })
        .collect()
}

/// The name that a line gives to a struct, an enum or a trait.
fn type_name(line: &str) -> Option<&str> {
    let mut words = line.trim_start();
    if let Some(rest) = words.strip_prefix("pub") {
        words = match rest.strip_prefix('(') {
            Some(inside) => inside.split_once(')')?.1,
            None => rest,
        };
        words = words.trim_start();
    }
    let kinds = ["struct ", "enum ", "trait "];
    let rest = kinds.iter().find_map(|kind| words.strip_prefix(kind))?;
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
    rest.get(..end.unwrap_or(rest.len()))
}

#[test]
fn documents_are_short() {
    let documents = crate::tests::documents().into_iter();
    let words: usize = documents
        .map(|(_, text)| text.split_whitespace().count())
        .sum();
    assert!(
        words <= DOCUMENT_WORDS_MAX,
        "{words} words in docs/, more than {DOCUMENT_WORDS_MAX}: cut or link"
    );
}

/// Words that open, look at or change what a path names, whatever links lead to it.
const BY_PATH: [&str; 14] = [
    "fs::read",
    "fs::write",
    "fs::metadata",
    "fs::symlink_metadata",
    "fs::create_dir",
    "fs::remove_",
    "fs::rename",
    "fs::copy",
    " File::open(",
    " File::create(",
    "OpenOptions",
    ".try_exists(",
    ".exists(",
    "tempfile",
];

/// A path in the data or key directory may be a link that leads out: these parts reach files through `host/os` alone,
/// which keeps them in the directory that was opened.
#[test]
fn what_reads_the_data_names_no_file_by_path() {
    let parts = ["approval", "governance", "index", "runner", "server"];
    let mut found = Vec::new();
    for source in counted() {
        let is_part = parts
            .iter()
            .any(|part| source.path.starts_with(&format!("host/{part}/src")));
        // The program's own file.
        if !is_part || source.path == "host/runner/src/build.rs" {
            continue;
        }
        for word in BY_PATH {
            if source.text.contains(word) {
                found.push(format!("{}: {word}", source.path));
            }
        }
    }
    assert!(
        found.is_empty(),
        "{found:#?}: use counterfoil_os::files with a FilePath"
    );
}

#[test]
fn bodies_say_why() {
    let (mut comments, mut lines) = (0, 0);
    for source in counted() {
        for line in source.text.lines().map(str::trim) {
            let documents = line.starts_with("///") || line.starts_with("//!");
            lines += usize::from(!line.is_empty());
            comments += usize::from(line.starts_with("//") && !documents);
        }
    }
    let rate = comments * 1_000 / lines;
    assert!(
        rate >= BODY_COMMENTS_PER_MILLE_MIN,
        "{comments} comments in {lines} lines: {rate} in a thousand. Say what a crash, a race or an attacker \
         does there"
    );
}

#[test]
fn a_type_name_stands_for_one_thing_and_says_which() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in counted() {
        for name in source.text.lines().filter_map(type_name) {
            let files = places.entry(name.to_owned()).or_default();
            files.push(source.path.clone());
        }
    }
    let twice: Vec<_> = places.iter().filter(|(_, files)| files.len() > 1).collect();
    assert!(
        twice.len() <= NAMES_USED_TWICE_MAX,
        "{} type names are used twice, more than {NAMES_USED_TWICE_MAX}: {twice:#?}",
        twice.len()
    );
    let mut lengths: Vec<usize> = places.keys().map(String::len).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(
        median >= NAME_LETTERS_MEDIAN_MIN,
        "the median type name has {median} letters"
    );
}

#[test]
fn parameters_have_names() {
    let mut found = Vec::new();
    for source in counted() {
        let flat = source.text.replace('\n', " ");
        for function in flat.split("fn ").skip(1) {
            let Some((_, list)) = function.split_once('(') else {
                continue;
            };
            let end = list.find([';', '{']).unwrap_or(list.len());
            let list = &list[..end];
            let starts = list.match_indices('(').filter(|(at, _)| {
                let before = list[..*at].trim_end();
                before.is_empty() || before.ends_with(',')
            });
            for (at, _) in starts {
                let pattern = list[at..].split_once(')').map(|(_, after)| after);
                let is_pattern = pattern.is_some_and(|after| after.starts_with(": ("));
                if is_pattern {
                    found.push(format!("{}: fn {function:.60}", source.path));
                }
            }
        }
    }
    assert!(
        found.is_empty(),
        "tuples as parameters; take a struct or more parameters: {found:#?}"
    );
}

#[test]
fn there_is_one_digest_type() {
    let all = counted();
    let digests = all.iter().filter(|source| {
        let mut names = source.text.lines().filter_map(type_name);
        names.any(|name| name == "Digest")
    });
    let paths: Vec<&str> = digests.map(|source| source.path.as_str()).collect();
    assert_eq!(paths, ["host/base/src/digest.rs"]);
}

#[test]
fn public_types_and_functions_are_documented() {
    let kinds = [
        "pub struct ",
        "pub enum ",
        "pub trait ",
        "pub fn ",
        "pub const fn ",
    ];
    for source in counted() {
        let lines: Vec<&str> = source.text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            if !kinds.iter().any(|kind| line.trim_start().starts_with(kind)) {
                continue;
            }
            // Attributes stand between the sentence and the item, some over several lines.
            let mut above = lines[..at].iter().rev().map(|line| line.trim());
            let documented = above
                .find(|line| line.starts_with("///") || line.is_empty() || line.ends_with('}'))
                .is_some_and(|line| line.starts_with("///"));
            assert!(documented, "{}:{}: {line}", source.path, at + 1);
        }
    }
}

/// The import circles of one crate, as sets of modules that all lead to each other.
fn circles(krate: &str, all: &[Source]) -> Vec<Vec<String>> {
    let base = format!("host/{krate}/src/");
    let modules: BTreeMap<String, &str> = all
        .iter()
        .filter_map(|source| {
            let name = source.path.strip_prefix(&base)?.strip_suffix(".rs")?;
            Some((name.replace('/', "::"), source.text.as_str()))
        })
        .collect();
    let names: BTreeSet<&String> = modules.keys().collect();
    let edges: BTreeMap<&str, BTreeSet<String>> = modules
        .iter()
        .map(|(name, text)| (name.as_str(), imports(name, text, &names)))
        .collect();
    // Where each module leads, in the end: small enough to be walked from every module.
    let reach = |from: &str| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = vec![from];
        while let Some(module) = open.pop() {
            for next in &edges[module] {
                if seen.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        seen
    };
    let reaches: BTreeMap<&str, BTreeSet<&str>> =
        edges.keys().map(|name| (*name, reach(name))).collect();
    let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
    for (name, leads) in &reaches {
        let circle: Vec<String> = leads
            .iter()
            .filter(|other| reaches[*other].contains(name))
            .map(|other| (*other).to_owned())
            .collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

/// The modules of its own crate that a file names.
fn imports(name: &str, text: &str, names: &BTreeSet<&String>) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let mut found = BTreeSet::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(is_word) {
                continue;
            }
            let rest = &code[at..];
            let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
            let path = &rest[..end];
            // A list in braces: each of its names is a path of its own.
            let list = rest[end..].strip_prefix('{');
            let items = list
                .and_then(|list| list.split_once('}'))
                .map(|(inside, _)| inside);
            let paths: Vec<String> = match items {
                Some(inside) if path.ends_with("::") => inside
                    .split(',')
                    .map(|item| format!("{path}{}", item.trim()))
                    .collect(),
                _ => vec![path.to_owned()],
            };
            for path in paths {
                if let Some(module) = resolve(name, &path, names)
                    && module != name
                {
                    found.insert(module);
                }
            }
        }
    }
    found
}

/// The module that a path leads into: the longest beginning of it that is one.
fn resolve(name: &str, path: &str, names: &BTreeSet<&String>) -> Option<String> {
    let mut parts: Vec<&str> = name.split("::").collect();
    let mut rest = path;
    if let Some(below) = rest.strip_prefix("crate::") {
        parts.clear();
        rest = below;
    }
    while let Some(below) = rest.strip_prefix("super::") {
        parts.pop();
        rest = below;
    }
    parts.extend(rest.split("::").filter(|part| !part.is_empty()));
    while !parts.is_empty() {
        let module = parts.join("::");
        if names.contains(&module) {
            return Some(module);
        }
        parts.pop();
    }
    None
}

#[test]
fn imports_go_one_way() {
    let all = counted();
    let crates: BTreeSet<&str> = all
        .iter()
        .filter_map(|source| source.path.strip_prefix("host/")?.split('/').next())
        .collect();
    let mut found = Vec::new();
    for krate in crates {
        found.extend(
            circles(krate, &all)
                .into_iter()
                .map(|circle| (krate, circle)),
        );
    }
    assert!(found.is_empty(), "circles of imports: {found:#?}");
}

#[test]
fn an_exception_for_an_advisory_has_a_reason_and_a_date() {
    let text = std::fs::read_to_string(crate::tests::root().join("deny.toml")).unwrap();
    let (_, list) = text.split_once("\n[advisories]\n").unwrap();
    for entry in list.lines().filter(|line| line.contains("RUSTSEC-")) {
        // tests/setup/test reads the date and fails after it.
        let (reason, date) = entry.split_once("; until ").unwrap_or_default();
        assert!(
            reason.contains(", reason = \"") && reason.len() > 60,
            "{entry}"
        );
        let shape: String = date
            .chars()
            .map(|letter| if letter.is_ascii_digit() { '0' } else { letter })
            .collect();
        assert_eq!(shape, "0000-00-00\" },", "{entry}");
    }
}
