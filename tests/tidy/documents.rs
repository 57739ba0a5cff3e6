//! What documents say of the source, compared with the source: the files that they name, and the
//! parts that are generated from data.
//!
//! To write the generated parts: `UPDATE_DOCS=1 cargo test -p counterfoil-tests --test documents`.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    /// Folders and files at the top whose names in a document are paths of this repository.
    const TOP: &str = "host tests docs wit sdk-rust sdk-examples strategies fuzz Cargo.toml \
                       CONTRIBUTING.md CHANGELOG.md README.md justfile deny.toml";

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn read(path: &str) -> String {
        fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The texts between backticks on a line.
    fn code_spans(line: &str) -> impl Iterator<Item = &str> {
        line.split('`').skip(1).step_by(2)
    }

    fn is_repository_path(text: &str) -> bool {
        let first = text.split('/').next().unwrap_or_default();
        let is_plain = !text.contains([' ', '*', '<', '{', ':', '…']);
        is_plain && TOP.split_whitespace().any(|name| name == first)
    }

    #[test]
    fn every_file_that_a_guide_for_contributors_names_is_there() {
        let guides = [
            "CONTRIBUTING.md",
            "docs/STYLE.md",
            "docs/howto/EXTEND.md",
            "docs/concepts/ARCHITECTURE.md",
            "docs/decisions/README.md",
        ];
        let mut missing = Vec::new();
        for guide in guides {
            for line in read(guide).lines() {
                let paths = code_spans(line).filter(|text| is_repository_path(text));
                let gone = paths.filter(|path| !root().join(path).exists());
                missing.extend(gone.map(|path| format!("{guide}: {path}")));
            }
        }
        assert!(missing.is_empty(), "not there: {missing:#?}");
    }

    #[test]
    fn every_step_of_the_map_by_task_leads_to_a_file_that_holds_what_it_names() {
        let guide = read("docs/howto/EXTEND.md");
        let steps: Vec<&str> = guide
            .lines()
            .filter(|line| line.starts_with(|first: char| first.is_ascii_digit()))
            .collect();
        assert!(steps.len() > 40, "{} steps", steps.len());
        let mut wrong = Vec::new();
        for step in steps {
            let mut spans = code_spans(step);
            let (Some(path), Some(text)) = (spans.next(), spans.next()) else {
                panic!("a step names a file and a text in it: {step}");
            };
            let holds = fs::read_to_string(root().join(path)).is_ok_and(|file| file.contains(text));
            if !holds {
                wrong.push(format!("{path} does not hold {text:?}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
