//! The results of a bundle's own tests. They must never decide anything at a gate.

use serde::{Deserialize, Serialize};

use crate::verdict::PolicyRefusal;
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::GateReason;

/// One test rule.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TestCase {
    /// The rule, such as `data.counterfoil.start_test.test_window`.
    pub rule: String,
    /// Why it fails; `None` if it passes.
    pub failure: Option<String>,
}

/// Which lines of a policy file the tests reached.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LineCoverage {
    /// The file.
    pub path: String,
    /// The number of lines that were reached.
    pub covered: usize,
    /// The lines that were not, counted from 1.
    pub not_covered: Vec<u32>,
}

/// The results of all tests of a bundle.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TestSuite {
    /// The digest of the bundle.
    pub digest: Digest,
    /// Why no test was run; `None` if they were run.
    pub refused: Option<GateReason>,
    /// Every test, in the order of the files and of their rules.
    pub cases: Vec<TestCase>,
    /// The coverage of every policy file.
    pub coverage: Vec<LineCoverage>,
}

impl TestSuite {
    /// The result where no test could be run.
    #[must_use]
    pub fn refused(digest: Digest, refusal: PolicyRefusal, text: &str) -> Self {
        let (code, text) = (refusal.code().to_owned(), text.to_owned());
        Self {
            digest,
            refused: Some(GateReason { code, text }),
            cases: Vec::new(),
            coverage: Vec::new(),
        }
    }

    /// Whether the bundle has tests, and all of them pass.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.refused.is_none()
            && !self.cases.is_empty()
            && self.cases.iter().all(|case| case.failure.is_none())
    }
}
