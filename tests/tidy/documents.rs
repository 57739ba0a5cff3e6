//! What documents say of the source, compared with the source: the files that they name, and the
//! parts that are generated from data.
//!
//! To write the generated parts: `UPDATE_DOCS=1 cargo test -p counterfoil-tests --test documents`.

#[cfg(test)]
mod generated;

#[cfg(test)]
mod tests {
    use core::fmt::Write as _;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use counterfoil_approval::seen_place::SEEN_FOLDER;
    use counterfoil_runner::study::parity::ParityCause;
    use counterfoil_snapshot::quality::findings::QualityRule;
    use counterfoil_snapshot::source::asset_class::AssetClass;
    use counterfoil_snapshot::source::formats::FORMATS;
    use counterfoil_trading::execution::OrderCode;
    use counterfoil_trading::gateway::TokenRefusal;
    use counterfoil_trading::manifest::{
        BrokerEntry, CalendarEntry, DataSource, Manifest, RiskEntry,
    };
    use serde_json::Value;

    use crate::generated;

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

    /// The values of a setting in the systemd unit.
    fn unit_values<'a>(unit: &'a str, setting: &str) -> Vec<&'a str> {
        let begins = format!("{setting}=");
        let lines = unit.lines();
        let values = lines.filter_map(|line| line.strip_prefix(begins.as_str()));
        values.collect()
    }

    /// With a system that is read-only, a folder that is not named here cannot be written, and nothing would be noticed of
    /// an older copy of all data.
    #[test]
    fn the_systemd_unit_lets_serve_keep_what_it_has_seen() {
        let unit = read("docs/howto/counterfoil-serve.service");
        assert_eq!(unit_values(&unit, "ProtectSystem"), ["strict"]);
        let keys = unit_values(&unit, "Environment")
            .into_iter()
            .find_map(|one| one.strip_prefix("COUNTERFOIL_KEY_DIR="));
        let seen = format!("{}/{SEEN_FOLDER}", keys.unwrap());
        assert_eq!(unit_values(&unit, "ReadWritePaths"), [&seen]);
        assert!(unit.contains(&format!(" {seen}\n")), "not made");
    }

    #[test]
    fn systemd_reads_the_unit() {
        let name = "counterfoil-serve.service";
        let unit = read(&format!("docs/howto/{name}"));
        // systemd looks whether the program is there.
        let (program, here) = (
            "ExecStart=/usr/bin/counterfoil serve",
            "ExecStart=/bin/true",
        );
        assert!(unit.contains(program));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, unit.replace(program, here)).unwrap();
        let verified = Command::new("systemd-analyze")
            .arg("verify")
            .arg(&path)
            .output();
        let Ok(verified) = verified else {
            let said = "SKIPPED: no systemd-analyze on this machine\n";
            std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
            return;
        };
        // What it ignores is a warning, and it goes on.
        let said = String::from_utf8_lossy(&verified.stderr);
        let about: Vec<&str> = said.lines().filter(|line| line.contains(name)).collect();
        assert!(verified.status.success() && about.is_empty(), "{said}");
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

    /// The fields of a JSON value by their paths, as the table in MANIFEST.md writes them.
    fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) if path != "parameters" && !path.ends_with("early-closes") => {
                for (name, value) in map {
                    let dot = if path.is_empty() { "" } else { "." };
                    fields(value, &format!("{path}{dot}{name}"), found);
                }
            }
            Value::Array(items) => {
                found.insert(path.to_owned());
                // A list of texts has no fields.
                for item in items.iter().filter(|item| item.is_object()) {
                    fields(item, &format!("{path}[]"), found);
                }
            }
            Value::Object(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => {
                found.insert(path.to_owned());
            }
        }
    }

    #[test]
    fn every_field_of_a_manifest_has_its_row() {
        let page = read("docs/reference/MANIFEST.md");
        let mut manifest = Manifest::parse(&read("docs/reference/manifest.json")).unwrap();
        // Every optional field, so that all of them are written.
        let text = |text: &str| text.to_owned();
        manifest.calendars = vec![CalendarEntry {
            instruments: vec![text("SPY")],
            zone: text("America/New_York"),
            offsets: vec![text("-05:00")],
            anchor: text("09:30"),
            close: Some(text("16:00")),
            early_closes: [(text("2003-07-03"), text("13:00"))].into(),
        }];
        manifest.risk = RiskEntry {
            bar_age_max_ms: Some(1),
            clock_offset_max_ms: Some(1),
            ..RiskEntry::research()
        };
        for instrument in &mut manifest.instruments {
            instrument.negative_prices = true;
            instrument.volume = Some("none".to_owned());
        }
        let mut found = BTreeSet::new();
        fields(&serde_json::to_value(&manifest).unwrap(), "", &mut found);
        manifest.data = DataSource::Feed {
            name: "ticker".to_owned(),
            start_nonce: "1".to_owned(),
            broker: Some(BrokerEntry {
                name: "alpaca".to_owned(),
                environment: "paper".to_owned(),
                cash_tolerance: "0".to_owned(),
            }),
        };
        fields(&serde_json::to_value(&manifest).unwrap(), "", &mut found);
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let rows = rows.filter_map(|row| row.split('`').next());
        let rows: BTreeSet<String> = rows.map(str::to_owned).collect();
        assert_eq!(rows, found);
    }

    /// A list with commas, in lines of at most 120 characters.
    fn list(items: impl Iterator<Item = String>) -> String {
        let mut out = String::new();
        let mut width = 0;
        for item in items {
            if width + item.len() + 3 > 120 {
                out.push_str(",\n");
                width = 0;
            } else if width > 0 {
                out.push_str(", ");
                width += 2;
            }
            out.push_str(&item);
            width += item.len();
        }
        out.push('\n');
        out
    }

    /// A list of names with what they mean.
    fn explained<'a>(items: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut out = String::new();
        for (name, sentence) in items {
            writeln!(out, "- `{name}`: {sentence}").unwrap();
        }
        out
    }

    #[test]
    fn refusals_of_a_token_are_written_from_the_source_in_the_order_of_their_numbers() {
        let rows = TokenRefusal::ALL
            .iter()
            .map(|one| (one.code(), one.sentence()));
        let expected = explained(rows);
        generated::check("docs/reference/ORDER_LOG.md", "tokens", &expected);
    }

    #[test]
    fn formats_of_files_are_written_from_the_source() {
        // `data formats` prints the rest of each row.
        let expected = list(FORMATS.iter().map(|format| format!("`{}`", format.name)));
        generated::check("docs/start/DATA.md", "formats", &expected);
    }

    #[test]
    fn asset_classes_are_written_from_the_source() {
        let step = |decimals: u8| {
            format!(
                "{:.*}",
                usize::from(decimals),
                0.1_f64.powi(decimals.into())
            )
        };
        let rows = AssetClass::ALL.iter().map(|class| {
            let grid = class.grid();
            let tick = grid.tick_decimals.map_or("as written".to_owned(), step);
            (grid.name, format!("{} | {tick}", step(grid.lot_decimals)))
        });
        let mut expected = String::from("| class | lot | tick |\n| --- | --- | --- |\n");
        for (name, steps) in rows {
            writeln!(expected, "| `{name}` | {steps} |").unwrap();
        }
        generated::check("docs/start/DATA.md", "asset-classes", &expected);
    }

    #[test]
    fn causes_of_a_difference_are_written_from_the_source() {
        let rows = ParityCause::ALL
            .iter()
            .map(|one| (one.name(), one.sentence()));
        let expected = explained(rows);
        generated::check("docs/start/OPERATE.md", "causes", &expected);
    }

    #[test]
    fn codes_of_orders_are_written_from_the_source_with_their_numbers() {
        let codes = OrderCode::ALL.iter().enumerate().map(|(number, code)| {
            if *code == OrderCode::None {
                format!("{number} none")
            } else {
                format!("{number} `{}`", code.name())
            }
        });
        let expected = list(codes);
        generated::check("docs/reference/JOURNAL_FORMAT.md", "codes", &expected);
    }

    #[test]
    fn every_rule_of_the_checks_has_its_row_with_its_severity() {
        let page = read("docs/start/DATA.md");
        for rule in QualityRule::ALL {
            let name = format!("`{}`", rule.name());
            let severity = format!("| {} |", rule.severity());
            let row = page.lines().find(|line| {
                line.starts_with("| `") && line.contains(&name) && line.contains(&severity)
            });
            assert!(row.is_some(), "no row for {name} {severity}");
        }
    }
}
