//! Roles and classes that the ledger declares and that no principal can exercise, because keys expire without an
//! act. It must never know why a key ended.

use counterfoil_governance::act::ApprovalClass;
use counterfoil_governance::id::Id;
use counterfoil_governance::state::LedgerState;
use counterfoil_trading::time::UnixNanos;

use super::Found;

pub(super) fn look(state: &LedgerState, now: UnixNanos, all: &mut Found) {
    let has_key = |id: &Id| {
        let mut keys = state.keys().values();
        keys.any(|key| key.owner == *id && key.counts(now))
    };
    for (id, principal) in state.principals() {
        if principal.roles.is_empty() || has_key(id) {
            continue;
        }
        let roles: Vec<_> = principal.roles.iter().map(|role| role.name()).collect();
        all.add(
            "role.keyless",
            id.to_string(),
            roles.join(", "),
            "no key that counts",
        );
    }
    // Before that, classes may be short: people are being added.
    if state.setup_end().is_none() {
        return;
    }
    for class in ApprovalClass::ALL {
        let needed = state.class(class).approvals;
        let members = state.principals().keys();
        let able = members.filter(|id| state.belongs(class, id) && has_key(id));
        let able = u64::try_from(able.count()).unwrap_or(u64::MAX);
        if able < needed {
            let declared = format!("{needed} must sign");
            let found = format!("{able} can");
            all.add("class.short", class.name(), declared, found);
        }
    }
}
