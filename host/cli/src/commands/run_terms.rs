//! Merges the terms of a run: defaults, files of terms and limits, flags, `--set`. It must never check what a
//! term means: the manifest's setup does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use counterfoil_os::files::read_whole;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::{AccountEntry, CostsEntry, MatchingEntry};
use serde_json::{Value, json};

use crate::args::ManifestFlags;
use crate::output::CommandLineError;

const FEE: &str = "costs.fee-bps";
const MAKER_FEE: &str = "costs.maker-fee-bps";

/// What a run trades under, and the strategy's parameters.
#[derive(Debug)]
pub(crate) struct ManifestTerms {
    pub(crate) account: AccountEntry,
    pub(crate) costs: CostsEntry,
    pub(crate) matching: MatchingEntry,
    pub(crate) limits: SandboxLimits,
    pub(crate) parameters: BTreeMap<String, String>,
}

impl ManifestTerms {
    /// The terms that the flags give a run of so many instruments.
    ///
    /// A flag and `--set` override `--terms` and `--limits`, which override the defaults. A term that is given
    /// twice on the command line is an error: neither is more specific than the other.
    ///
    /// # Errors
    ///
    /// Fails for an unknown name, a term given twice, a value of the wrong type, or a file that
    /// cannot be read.
    pub(crate) fn from_flags(flags: &ManifestFlags, instruments: usize) -> Result<Self> {
        let mut merged = TermSections::new(instruments)?;
        // The file first, so that everything on the command line overrides it.
        if let Some(path) = &flags.terms {
            merged
                .add_file(path)
                .with_context(|| format!("--terms {}", path.display()))?;
        }
        if let Some(path) = &flags.limits {
            merged
                .add_limits(path)
                .with_context(|| format!("--limits {}", path.display()))?;
        }
        // Where each name was given on the command line.
        let mut given: BTreeMap<String, String> = BTreeMap::new();
        let mut parameters = BTreeMap::new();
        for flag in flag_terms(flags) {
            merged.set(flag.name, &flag.value)?;
            // Remembered for the check below: a flag and a --set of one term would else override
            // each other by their place in this function.
            given.insert(flag.name.to_owned(), flag.flag.to_owned());
        }
        let set = flags.set.iter().map(|text| ("--set", text));
        let params = flags.params.iter().map(|text| ("--param", text));
        for (flag, text) in params.chain(set) {
            let (name, value) = text
                .split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| {
                    CommandLineError::new(format!("{flag} {text:?}: expected NAME=VALUE"))
                })?;
            if let Some(other) = given.insert(name.to_owned(), flag.to_owned()) {
                return Err(CommandLineError::new(format!(
                    "{name} is given twice, by {other} and {flag}; give it once"
                )));
            }
            // A name with a dot is a term's place; another is a parameter, as in a sweep's --vary.
            if flag == "--set" && name.contains('.') {
                merged
                    .set(name, value)
                    .map_err(|error| CommandLineError::new(format!("--set {text}: {error}")))?;
            } else {
                parameters.insert(name.to_owned(), value.to_owned());
            }
        }
        merged.finish(parameters)
    }
}

/// A term that a flag of its own gives.
struct FlagTerm {
    flag: &'static str,
    name: &'static str,
    value: String,
}

/// The terms that are given by flags of their own.
fn flag_terms(flags: &ManifestFlags) -> Vec<FlagTerm> {
    let number = |value: Option<u32>| value.map(|value| value.to_string());
    let trade_through = flags.limit_trade_through.then(|| "true".to_owned());
    let all = [
        ("--account-name", "account.name", flags.account_name.clone()),
        ("--owner", "account.owner", flags.owner.clone()),
        ("--account", "account.kind", flags.account.clone()),
        ("--currency", "account.currency", flags.currency.clone()),
        ("--cash", "account.cash", flags.cash.clone()),
        ("--leverage", "account.leverage", flags.leverage.clone()),
        (
            "--maintenance-bps",
            "account.maintenance-bps",
            flags.maintenance_bps.clone(),
        ),
        (
            "--margin-call",
            "account.margin-call",
            flags.margin_call.clone(),
        ),
        ("--fee-bps", FEE, flags.fee_bps.clone()),
        ("--maker-fee-bps", MAKER_FEE, flags.maker_fee_bps.clone()),
        (
            "--fee-per-share",
            "costs.fee-per-share",
            flags.fee_per_share.clone(),
        ),
        ("--fee-fixed", "costs.fee-fixed", flags.fee_fixed.clone()),
        ("--fee-min", "costs.fee-min", flags.fee_min.clone()),
        ("--fee-max", "costs.fee-max", flags.fee_max.clone()),
        (
            "--slippage-bps",
            "costs.slippage-bps",
            flags.slippage_bps.clone(),
        ),
        (
            "--slippage-ticks",
            "costs.slippage-ticks",
            number(flags.slippage_ticks),
        ),
        (
            "--slippage-volume-bps",
            "costs.slippage-volume-bps",
            flags.slippage_volume_bps.clone(),
        ),
        (
            "--volume-cap",
            "costs.volume-cap-bps",
            flags.volume_cap.clone(),
        ),
        ("--borrow-bps", "costs.borrow-bps", flags.borrow_bps.clone()),
        (
            "--latency-bars",
            "matching.latency-bars",
            number(flags.latency_bars),
        ),
        (
            "--limit-trade-through",
            "matching.limit-trade-through",
            trade_through,
        ),
    ];
    all.into_iter()
        .filter_map(|(flag, name, value)| {
            Some(FlagTerm {
                flag,
                name,
                value: value?,
            })
        })
        .collect()
}

/// The names that `--set` takes.
#[cfg(test)]
pub(crate) fn term_names() -> Vec<String> {
    TermSections::new(1).unwrap().names()
}

/// The flags, beside `--component`, that a manifest given as a file leaves nothing to do for.
pub(super) fn flags_of_manifest(flags: &ManifestFlags) -> Vec<&'static str> {
    let others = [
        ("--param", !flags.params.is_empty()),
        ("--risk", flags.risk.is_some()),
        ("--terms", flags.terms.is_some()),
        ("--set", !flags.set.is_empty()),
        ("--limits", flags.limits.is_some()),
        ("--on-fault", flags.on_fault.is_some()),
        ("--seed", flags.seed.is_some()),
    ];
    let others = others
        .into_iter()
        .filter_map(|(flag, is_given)| is_given.then_some(flag));
    let terms = flag_terms(flags).into_iter().map(|term| term.flag);
    others.chain(terms).collect()
}

/// The sections of a manifest that terms are, while they are put together.
struct TermSections {
    sections: Value,
    given: BTreeSet<String>,
}

impl TermSections {
    /// The defaults: cash, no costs, a volume cap of a tenth, the documented limits of the sandbox.
    fn new(instruments: usize) -> Result<Self> {
        let account = AccountEntry {
            name: "paper".to_owned(),
            owner: "nobody".to_owned(),
            kind: "cash".to_owned(),
            currency: "USD".to_owned(),
            cash: "1000000".to_owned(),
            leverage: "2".to_owned(),
            maintenance_bps: "0".to_owned(),
            margin_call: "reduce".to_owned(),
        };
        let sections = json!({
            "account": serde_json::to_value(account)?,
            "costs": serde_json::to_value(CostsEntry::none())?,
            "matching": serde_json::to_value(MatchingEntry::default())?,
            "limits": serde_json::to_value(SandboxLimits::for_instruments(instruments))?,
        });
        Ok(Self {
            sections,
            given: BTreeSet::new(),
        })
    }

    /// The names that terms have.
    fn names(&self) -> Vec<String> {
        let sections = self.sections.as_object().into_iter().flatten();
        sections
            .flat_map(|(section, fields)| {
                let fields = fields.as_object().into_iter().flatten();
                fields.map(move |(field, _)| format!("{section}.{field}"))
            })
            .collect()
    }

    /// Adds the terms of a file, in the form of a manifest's sections.
    fn add_file(&mut self, path: &Path) -> Result<()> {
        let file: Value = serde_json::from_slice(&read_whole(path)?).context("invalid JSON")?;
        let sections = file
            .as_object()
            .context("expected an object with account, costs, matching or limits")?;
        for (section, fields) in sections {
            self.add_section(section, fields)?;
        }
        Ok(())
    }

    /// Adds the limits of a file. Those that it does not name keep their defaults.
    fn add_limits(&mut self, path: &Path) -> Result<()> {
        let file: Value = serde_json::from_slice(&read_whole(path)?).context("invalid JSON")?;
        self.add_section("limits", &file)
    }

    fn add_section(&mut self, section: &str, fields: &Value) -> Result<()> {
        let fields = fields
            .as_object()
            .with_context(|| format!("{section}: expected an object of terms"))?;
        for (field, value) in fields {
            let text = match value {
                // As on the command line, so that a file and a flag with the same text give the
                // same manifest, and the same run id.
                Value::String(text) => text.clone(),
                value @ (Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_)) => value.to_string(),
            };
            self.set(&format!("{section}.{field}"), &text)?;
        }
        Ok(())
    }

    /// Sets a term by its name.
    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let place = format!("/{}", name.replace('.', "/"));
        // Only a field that the defaults have can be set: a misspelled name would else be a term
        // that nothing reads.
        let is_leaf = |field: &&mut Value| !field.is_object();
        let Some(field) = self.sections.pointer_mut(&place).filter(is_leaf) else {
            bail!(
                "unknown term {name:?}; the terms are {}",
                self.names().join(", ")
            );
        };
        *field =
            match field {
                // The type of the default decides. Amounts are texts, because a JSON number would
                // lose decimals.
                Value::Number(_) => {
                    // The limits of the sandbox are wider than the counts of bars and ticks.
                    let is_limit = name.starts_with("limits.");
                    let most = if is_limit { u64::MAX } else { u32::MAX.into() };
                    let number = value.parse::<u64>().ok().filter(|number| *number <= most);
                    json!(number.with_context(|| format!(
                        "{name}: expected a whole number, got {value:?}"
                    ))?)
                }
                Value::Bool(_) => {
                    json!(value.parse::<bool>().ok().with_context(|| format!(
                        "{name}: expected true or false, got {value:?}"
                    ))?)
                }
                Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => json!(value),
            };
        self.given.insert(name.to_owned());
        Ok(())
    }

    fn finish(mut self, parameters: BTreeMap<String, String>) -> Result<ManifestTerms> {
        // A fill that gives liquidity pays the same fee unless another was named.
        if !self.given.contains(MAKER_FEE) {
            let fee = self.sections["costs"]["fee-bps"].clone();
            self.sections["costs"]["maker-fee-bps"] = fee;
        }
        let mut section = |name: &str| self.sections[name].take();
        Ok(ManifestTerms {
            account: serde_json::from_value(section("account"))?,
            costs: serde_json::from_value(section("costs"))?,
            matching: serde_json::from_value(section("matching"))?,
            limits: serde_json::from_value(section("limits"))?,
            parameters,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(set: &[&str]) -> ManifestFlags {
        ManifestFlags {
            set: set.iter().map(|text| (*text).to_owned()).collect(),
            ..ManifestFlags::default()
        }
    }

    #[track_caller]
    fn refuses(flags: &ManifestFlags, expected: &str) {
        let error = ManifestTerms::from_flags(flags, 1).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_term_is_the_same_by_its_flag_by_set_and_by_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = r#"{"costs": {"fee-bps": "5", "slippage-ticks": 2}, "account": {"cash": "7"},
                       "matching": {"limit-trade-through": true}}"#;
        std::fs::write(file.path(), text).unwrap();
        let by_file = ManifestFlags {
            terms: Some(file.path().to_path_buf()),
            ..ManifestFlags::default()
        };
        let by_flags = ManifestFlags {
            fee_bps: Some("5".to_owned()),
            slippage_ticks: Some(2),
            cash: Some("7".to_owned()),
            limit_trade_through: true,
            ..ManifestFlags::default()
        };
        let by_set = flags(&[
            "costs.fee-bps=5",
            "costs.slippage-ticks=2",
            "account.cash=7",
            "matching.limit-trade-through=true",
        ]);
        let all = [by_file, by_flags, by_set];
        let all = all.map(|flags| ManifestTerms::from_flags(&flags, 1).unwrap());
        assert_eq!(format!("{:?}", all[0]), format!("{:?}", all[1]));
        assert_eq!(format!("{:?}", all[1]), format!("{:?}", all[2]));
        assert_eq!(all[0].costs.maker_fee_bps, "5");
        assert_eq!(all[0].costs.volume_cap_bps, "1000");

        let overridden = ManifestFlags {
            terms: Some(file.path().to_path_buf()),
            fee_bps: Some("1".to_owned()),
            set: vec!["account.cash=8".to_owned(), "fast=10".to_owned()],
            params: vec!["slow=50".to_owned()],
            ..ManifestFlags::default()
        };
        let terms = ManifestTerms::from_flags(&overridden, 1).unwrap();
        assert_eq!(terms.costs.fee_bps, "1");
        assert_eq!(terms.costs.slippage_ticks, 2);
        assert_eq!(terms.account.cash, "8");
        assert_eq!(terms.parameters.len(), 2);

        std::fs::write(file.path(), r#"{"costs": {"fees": "5"}}"#).unwrap();
        refuses(
            &overridden,
            "unknown term \"costs.fees\"; the terms are account.cash, ",
        );
        std::fs::write(file.path(), r#"{"fee-bps": "5"}"#).unwrap();
        refuses(&overridden, "fee-bps: expected an object of terms");
    }

    /// `--limits` with one field said "missing field", and `--set limits.…` was an unknown term.
    #[test]
    fn a_limit_is_set_alone_by_set_or_in_a_file_and_the_others_grow_with_the_universe() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), r#"{"fuel-per-bar": 7, "memory-bytes": 65536}"#).unwrap();
        let given = ManifestFlags {
            limits: Some(file.path().to_path_buf()),
            ..flags(&["limits.fuel-per-bar=8", "limits.deadline-ms=5"])
        };
        let limits = ManifestTerms::from_flags(&given, 2_000).unwrap().limits;
        let expected = SandboxLimits {
            fuel_per_bar: 8,
            memory_bytes: 65_536,
            deadline_ms: 5,
            requests_per_bar: 4_000,
            answer_bytes: 1_024_000,
            ..SandboxLimits::default()
        };
        assert_eq!(limits, expected);

        std::fs::write(file.path(), r#"{"fuel": 7}"#).unwrap();
        refuses(&given, "unknown term \"limits.fuel\"");
        std::fs::write(file.path(), "[1]").unwrap();
        refuses(&given, "limits: expected an object of terms");
    }

    #[test]
    fn a_term_that_cannot_be_set_is_refused_with_the_names() {
        let names = "costs.fee-bps, costs.fee-fixed,";
        refuses(&flags(&["costs.fee=5"]), names);
        refuses(&flags(&["costs.fee-bps.x=5"]), names);
        refuses(&flags(&["risk.orders-per-bar=5"]), names);
        refuses(&flags(&["fee"]), "expected NAME=VALUE");
        refuses(&flags(&["=5"]), "expected NAME=VALUE");
        refuses(
            &flags(&["costs.slippage-ticks=many"]),
            "expected a whole number, got \"many\"",
        );
        refuses(
            &flags(&["matching.limit-trade-through=1"]),
            "expected true or false",
        );
        refuses(
            &flags(&["costs.fee-bps=5", "costs.fee-bps=6"]),
            "costs.fee-bps is given twice, by --set and --set",
        );
        let by_flag = ManifestFlags {
            fee_bps: Some("5".to_owned()),
            params: vec!["fast=1".to_owned()],
            ..flags(&["costs.fee-bps=5"])
        };
        refuses(&by_flag, "given twice, by --fee-bps and --set");
        let by_param = ManifestFlags {
            params: vec!["fast=1".to_owned()],
            ..flags(&["fast=2"])
        };
        refuses(&by_param, "fast is given twice, by --param and --set");
    }
}
