//! The rules of CONTRIBUTING.md that a machine can check: who may depend on whom, where the clock is
//! read, how files begin and how long they are, and that documents agree with the source.
//!
//! It uses the standard library and `cargo tree` alone, so that nothing it checks can break it.

#[cfg(test)]
mod house;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    /// Lines of a file before its tests.
    const LINES_MAX: usize = 600;

    /// What a crate may never depend on, at any depth. A name also stands for `name-anything`.
    const FORBIDDEN: [(&str, &str); 13] = [
        (
            "counterfoil-trading",
            "counterfoil-journal counterfoil-verify counterfoil-sandbox counterfoil-snapshot \
             counterfoil-runner wasmtime tokio axum sled arrow cap-std rand getrandom jiff chrono \
             time tempfile",
        ),
        (
            "counterfoil-journal",
            "counterfoil-trading counterfoil-verify counterfoil-sandbox counterfoil-snapshot \
             counterfoil-runner wasmtime tokio axum sled arrow cap-std rand getrandom jiff chrono \
             time tempfile signed_note tlog_tiles",
        ),
        (
            "counterfoil-base",
            "counterfoil rand getrandom jiff chrono time",
        ),
        (
            "counterfoil-os",
            "counterfoil wasmtime tokio axum sled arrow",
        ),
        (
            "counterfoil-verify",
            "counterfoil-sandbox counterfoil-snapshot counterfoil-runner wasmtime tokio axum arrow \
             sled",
        ),
        (
            "counterfoil-sandbox",
            "counterfoil-journal counterfoil-snapshot counterfoil-runner tokio axum sled",
        ),
        (
            "counterfoil-snapshot",
            "counterfoil-journal counterfoil-sandbox counterfoil-runner wasmtime axum",
        ),
        (
            "counterfoil-report",
            "counterfoil-journal counterfoil-verify counterfoil-sandbox counterfoil-snapshot \
             counterfoil-runner wasmtime tokio axum sled cap-std rand tempfile",
        ),
        (
            "counterfoil-governance",
            "counterfoil-sandbox counterfoil-snapshot counterfoil-runner counterfoil-verify wasmtime \
             tokio axum arrow jiff chrono time rand regorus sled",
        ),
        (
            "counterfoil-index",
            "counterfoil-sandbox counterfoil-snapshot counterfoil-runner counterfoil-verify \
             counterfoil-policy wasmtime tokio axum arrow jiff chrono time rand regorus",
        ),
        (
            "counterfoil-policy",
            "counterfoil-journal counterfoil-verify counterfoil-sandbox counterfoil-snapshot \
             counterfoil-governance counterfoil-runner wasmtime tokio axum sled arrow jiff chrono \
             time rand getrandom uuid url jsonschema ipnet regex tempfile",
        ),
        (
            "counterfoil-connect",
            "counterfoil-journal counterfoil-verify counterfoil-sandbox counterfoil-snapshot \
             counterfoil-runner counterfoil-governance counterfoil-report wasmtime axum sled arrow \
             openssl-sys aws-lc-sys native-tls chrono time cap-std",
        ),
        ("counterfoil-runner", "axum sled"),
    ];

    /// What a crate may not name itself, though what it uses may.
    const FORBIDDEN_DIRECTLY: [(&str, &str); 6] = [
        (
            "counterfoil-approval",
            "counterfoil-sandbox counterfoil-server wasmtime wasmparser arrow tokio axum hyper rustls \
             regorus sled jiff",
        ),
        (
            "counterfoil-runner",
            "wasmtime wasmparser arrow tokio hyper rustls regorus",
        ),
        (
            "counterfoil",
            "wasmtime wasmparser arrow plotters axum hyper tokio regorus sled",
        ),
        (
            "counterfoil-server",
            "wasmtime wasmparser arrow plotters sled",
        ),
        ("counterfoil-verify", "ed25519-dalek"),
        ("counterfoil-report", "chrono getrandom"),
    ];

    pub(crate) fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn read(path: &str) -> String {
        let path = root().join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Every file below a folder whose name ends so, with its path from the root; built files and
    /// hidden folders apart.
    fn files(folder: &str, end: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut folders = vec![root().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    if name != "target" && !name.starts_with('.') {
                        folders.push(path);
                    }
                } else if name.ends_with(end) {
                    let short = path.strip_prefix(root()).unwrap().to_string_lossy();
                    // A file that is no text is no business of this function's callers.
                    if let Ok(text) = fs::read_to_string(&path) {
                        found.push((short.into_owned(), text));
                    }
                }
            }
        }
        found.sort();
        assert!(!found.is_empty(), "no file *{end} in {folder}");
        found
    }

    pub(crate) fn sources() -> Vec<(String, String)> {
        let folders = ["host", "sdk-rust", "sdk-examples", "strategies", "fuzz"];
        folders
            .iter()
            .flat_map(|folder| files(folder, ".rs"))
            .collect()
    }

    pub(crate) fn documents() -> Vec<(String, String)> {
        files("docs", ".md")
    }

    pub(crate) fn is_test_or_bench(path: &str) -> bool {
        path.split('/')
            .any(|part| part == "tests" || part == "benches" || part == "tests.rs")
    }

    /// The code before the file's own tests.
    pub(crate) fn before_tests(text: &str) -> &str {
        text.split_once("\n#[cfg(test)]\nmod tests {")
            .map_or(text, |(before, _)| before)
    }

    fn cargo_tree(arguments: &[&str]) -> Vec<String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .current_dir(root())
            .args([
                "tree", "--locked", "--prefix", "none", "--format", "{p} {f}",
            ])
            .args(arguments)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo tree {arguments:?}: {error}");
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().map(str::to_owned).collect()
    }

    fn dependencies(package: &str, more: &[&str]) -> BTreeSet<String> {
        let mut arguments = vec!["-e", "normal", "-p", package];
        arguments.extend(more);
        let lines = cargo_tree(&arguments);
        let names = lines.iter().skip(1);
        names
            .filter_map(|line| line.split_whitespace().next())
            .map(str::to_owned)
            .collect()
    }

    fn forbidden(names: &BTreeSet<String>, list: &str) -> Vec<String> {
        let is = |name: &str, rule: &str| {
            name == rule
                || name
                    .strip_prefix(rule)
                    .is_some_and(|rest| rest.starts_with('-'))
        };
        let bad = names
            .iter()
            .filter(|name| list.split_whitespace().any(|rule| is(name, rule)));
        bad.cloned().collect()
    }

    #[test]
    fn no_crate_depends_on_what_its_layer_must_never_name() {
        for (package, list) in FORBIDDEN {
            let bad = forbidden(&dependencies(package, &[]), list);
            assert!(bad.is_empty(), "{package} depends on {bad:?}");
        }
        for (package, list) in FORBIDDEN_DIRECTLY {
            let bad = forbidden(&dependencies(package, &["--depth", "1"]), list);
            assert!(bad.is_empty(), "{package} names {bad:?}");
        }
    }

    #[test]
    fn the_pure_crates_are_no_std_and_the_host_is_safe() {
        for package in ["base", "trading", "journal"] {
            let text = read(&format!("host/{package}/src/lib.rs"));
            assert!(text.contains("\n#![no_std]\n"), "{package} uses std");
        }
        assert!(read("Cargo.toml").contains("\nunsafe_code = \"forbid\"\n"));
        for folder in fs::read_dir(root().join("host")).unwrap() {
            let manifest = folder.unwrap().path().join("Cargo.toml");
            let text = fs::read_to_string(&manifest).unwrap();
            let inherits = text.contains("[lints]\nworkspace = true\n");
            assert!(inherits, "{} does not take the lints", manifest.display());
        }
    }

    #[test]
    fn asynchronous_components_are_not_compiled_in() {
        let word = "component-model-async";
        for line in cargo_tree(&["-e", "features", "--workspace"]) {
            assert!(!line.contains(word), "every call gets slower: {line}");
        }
    }

    #[test]
    fn the_policy_engine_is_built_without_what_differs_from_run_to_run() {
        // Its feature std alone would bring rand.intn and a clock of its own.
        let tree = cargo_tree(&["-e", "normal", "--workspace"]);
        let engine = tree.iter().find(|line| line.starts_with("regorus v"));
        let features = engine.and_then(|line| line.split_whitespace().nth(2));
        assert_eq!(features, Some("arc,coverage"), "{engine:?}");
    }

    #[test]
    fn every_source_file_begins_with_what_it_is() {
        for (path, text) in sources() {
            let generated = path.ends_with("bindings.rs");
            assert!(
                generated || text.starts_with("//!"),
                "{path}: no //! header"
            );
        }
    }

    #[test]
    fn no_file_is_too_long_to_read() {
        for (path, text) in sources() {
            let lines = before_tests(&text).lines().count();
            let apart = path.ends_with("bindings.rs") || is_test_or_bench(&path);
            assert!(
                apart || lines <= LINES_MAX,
                "{path}: {lines} lines before its tests, more than {LINES_MAX}"
            );
        }
    }

    #[test]
    fn one_file_reads_the_clock() {
        for (path, text) in files("host", ".rs") {
            let allowed = path == "host/os/src/clock.rs" || is_test_or_bench(&path);
            for word in ["SystemTime::now", "Instant::now"] {
                let reads = before_tests(&text).contains(word);
                assert!(allowed || !reads, "{path} reads a clock: {word}");
            }
        }
    }

    #[test]
    fn no_test_is_left_out() {
        let word = concat!("#[", "ignore");
        for folder in [
            "host",
            "sdk-rust",
            "sdk-examples",
            "strategies",
            "fuzz",
            "tests",
        ] {
            for (path, text) in files(folder, ".rs") {
                assert!(!text.contains(word), "{path} leaves a test out");
            }
        }
    }

    #[test]
    fn a_document_has_one_title_and_its_links_lead_somewhere() {
        let mut all = documents();
        for name in ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"] {
            all.push((name.to_owned(), read(name)));
        }
        for (path, text) in all {
            let mut fenced = false;
            let mut titles = Vec::new();
            for line in text.lines() {
                if line.starts_with("```") {
                    fenced = !fenced;
                } else if !fenced && line.starts_with("# ") {
                    titles.push(line);
                }
            }
            assert!(!fenced, "{path}: a code block is not closed");
            assert_eq!(titles.len(), 1, "{path}: titles {titles:?}");
            assert!(
                text.starts_with("# "),
                "{path} does not begin with its title"
            );
            let folder = root().join(&path).parent().unwrap().to_path_buf();
            for link in text.split("](").skip(1) {
                let Some((target, _)) = link.split_once(')') else {
                    continue;
                };
                let file = target.split('#').next().unwrap_or_default();
                let inside = !file.is_empty() && !target.contains("://");
                assert!(
                    !inside || folder.join(file).exists(),
                    "{path} leads to {target}, which is not there"
                );
            }
        }
    }

    /// The variants of `ALL` in the `impl` of a type, in kebab-case.
    fn variants(path: &str, name: &str) -> Vec<String> {
        let text = read(path);
        let (_, from) = text.split_once(&format!("\nimpl {name} {{")).unwrap();
        let (_, from) = from.split_once("const ALL: [Self; ").unwrap();
        let (count, from) = from.split_once("] = [").unwrap();
        let (list, _) = from.split_once("];").unwrap();
        let names: Vec<String> = list
            .split("Self::")
            .skip(1)
            .map(|one| kebab(one.trim().trim_end_matches(',')))
            .collect();
        assert_eq!(names.len().to_string(), count, "{path}: {name}::ALL");
        names
    }

    fn kebab(name: &str) -> String {
        let mut out = String::new();
        for letter in name.chars() {
            if letter.is_ascii_uppercase() && !out.is_empty() {
                out.push('-');
            }
            out.push(letter.to_ascii_lowercase());
        }
        out
    }

    /// The names under a heading, which count from 0: "0 `name`, 1 `name`", or the first two columns of a table.
    fn numbered(text: &str, heading: &str) -> Vec<String> {
        let (_, from) = text.split_once(&format!("\n### {heading}\n")).unwrap();
        let section = from.split("\n#").next().unwrap();
        let mut items = section
            .split([',', '|', '\n'])
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .peekable();
        let mut names = Vec::new();
        while let Some(item) = items.next() {
            let in_a_table = || (item, items.peek().copied().unwrap_or_default());
            let (number, name) = item.split_once(' ').unwrap_or_else(in_a_table);
            let is_name = name == "none" || name.starts_with('`') && name.ends_with('`');
            if is_name && number.parse::<usize>().is_ok() {
                assert_eq!(number, names.len().to_string(), "{heading}: {name}");
                names.push(name.trim_matches('`').to_owned());
            }
        }
        names
    }

    #[test]
    fn the_numbers_in_the_journal_format_are_those_of_the_source() {
        let text = read("docs/reference/JOURNAL_FORMAT.md");
        let tables = [
            ("Order statuses", "order.rs", "OrderStatus"),
            ("Codes", "execution.rs", "OrderCode"),
            ("Callbacks", "record/fault.rs", "Callback"),
            ("Faults", "strategy.rs", "Fault"),
            ("Stop causes", "record/stop.rs", "StopCause"),
        ];
        for (heading, file, name) in tables {
            let source = variants(&format!("host/trading/src/{file}"), name);
            assert_eq!(numbered(&text, heading), source, "{heading}");
        }
    }

    #[test]
    fn no_file_names_a_folder_of_somebodys_machine() {
        let words = ["work", "root", "home", "Users"].map(|name| format!("/{name}/"));
        // What comments write for "somebody's home".
        let example = concat!("/home", "/me/");
        let mut all = Vec::new();
        for folder in [
            "host",
            "sdk-rust",
            "sdk-examples",
            "strategies",
            "fuzz",
            "tests",
            "docs",
            "wit",
            ".ci",
        ] {
            all.extend(files(folder, ""));
        }
        for name in [
            "README.md",
            "CHANGELOG.md",
            "Cargo.toml",
            "deny.toml",
            "rust-toolchain.toml",
            ".clippy.toml",
        ] {
            all.push((name.to_owned(), read(name)));
        }
        for (path, text) in all {
            for (number, line) in text.lines().enumerate() {
                let line = line.replace(example, "");
                // A word before the slash makes it the end of another path.
                let found = words.iter().find(|word| {
                    line.match_indices(word.as_str()).any(|(at, _)| {
                        let before = line.get(..at).and_then(|text| text.chars().next_back());
                        !before.is_some_and(|letter| {
                            letter.is_alphanumeric() || "}._-)".contains(letter)
                        })
                    })
                });
                let at = number + 1;
                assert!(found.is_none(), "{path}:{at} names {found:?}: {line}");
            }
        }
    }

    /// The codes of the ledger's rules and of the host's, from the file that defines them.
    fn rule_codes() -> BTreeSet<String> {
        let text = read("host/governance/src/rule.rs");
        let codes = text.lines().filter_map(|line| {
            let (_, code) = line.trim().split_once(" = \"")?;
            code.strip_suffix("\";").map(str::to_owned)
        });
        let codes: BTreeSet<String> = codes.collect();
        assert!(codes.len() > 80, "rules are read otherwise now: {codes:?}");
        codes
    }

    #[test]
    fn no_door_decides_by_a_literal_rule_code() {
        // The command line and the server ask governance and approval; a code of their own would be a
        // rule that only one of them keeps.
        let codes = rule_codes();
        for folder in ["host/cli/src", "host/server/src"] {
            for (path, text) in files(folder, ".rs") {
                for literal in before_tests(&text).split('"') {
                    assert!(
                        !codes.contains(literal),
                        "{path} has the rule code {literal:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_component_carries_a_folder_of_somebodys_machine() {
        let folders = ["sdk-examples/components", "strategies/components"];
        let entries = folders.map(|folder| fs::read_dir(root().join(folder)).unwrap());
        for entry in entries.into_iter().flatten() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            for word in ["work", "root", "home", "Users"].map(|name| format!("/{name}/")) {
                let there = bytes
                    .windows(word.len())
                    .any(|window| window == word.as_bytes());
                assert!(!there, "{} carries {word}", path.display());
            }
        }
    }
}
