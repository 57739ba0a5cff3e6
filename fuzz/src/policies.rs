//! What the archive holds of policies: bundles and verdicts. It must never evaluate one.

use counterfoil_base::gate::Gate;
use counterfoil_policy::bundle::Bundle;
use counterfoil_policy::verdict::{PolicyRefusal, PolicyVerdict, limits_bytes};

/// A bundle that is read is written back as the same bytes, and its files make the same bundle.
pub fn bundle(bytes: &[u8]) {
    let Ok(bundle) = Bundle::decode(bytes) else {
        return;
    };
    assert_eq!(bundle.encode(), bytes, "written back otherwise: {bundle:?}");
    let again = Bundle::new(bundle.files().clone()).expect("the files of a bundle");
    assert_eq!(again.digest(), bundle.digest());
    assert!(
        bundle.files().keys().any(|path| path.ends_with(".rego")),
        "a bundle without a policy"
    );
}

/// A verdict that is read is written back as the same bytes. Limits are given by a pass at the gate
/// of limits alone, and hold; and what the host refused never passes.
pub fn verdict(bytes: &[u8]) {
    let Ok(verdict) = PolicyVerdict::decode(bytes) else {
        return;
    };
    let written = verdict.encode().expect("a verdict that was read");
    assert_eq!(written, bytes, "written back otherwise: {verdict:?}");
    let gives = verdict.gate == Gate::Limits && verdict.passes();
    assert_eq!(verdict.limits.is_some(), gives, "{verdict:?}");
    if let Some(limits) = &verdict.limits {
        limits_bytes(limits).expect("limits that were given hold");
    }
    assert!(verdict.differences(&verdict).is_empty());
    let refused = PolicyVerdict::refused(
        verdict.gate,
        verdict.digests(),
        PolicyRefusal::Error,
        "asked again",
    );
    assert!(!refused.passes() && refused.limits.is_none());
}
