//! Evidence health: everything that somebody should look at is counted, and nothing else.

use super::*;
use crate::report::{EvidenceHealth, health};

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one walk past every kind of open item"
)]
fn every_open_item_is_listed_until_somebody_sees_to_it() {
    let mut desk = Desk::staffed();
    let set = desk.walk("one");
    let soon = desk.time + 500;
    let at = |desk: &Desk, time| health(desk.ledger.state(), UnixNanos(time));
    let now = |desk: &Desk| at(desk, desk.time);
    let denials = desk.ledger.state().denials();
    let clean = EvidenceHealth {
        denials,
        ..EvidenceHealth::default()
    };
    assert_eq!(now(&desk), clean);
    assert_eq!(now(&desk).open_items(), 0);
    let exception = desk.act(
        "dan",
        Act::ExceptionGrant(PolicyException {
            rule: "drawdown.max".to_owned(),
            subject: ExceptionSubject::Installation,
            reason: "a new venue".to_owned(),
            control: "half the size".to_owned(),
            owner: id("erin"),
            until: UnixNanos(soon),
        }),
    );
    let glass = desk.act(
        "erin",
        Act::BreakGlassOpen(BreakGlass {
            scope: ["limits-set".to_owned()].into(),
            reason: "nobody is there".to_owned(),
            until: UnixNanos(soon),
        }),
    );
    let glass = glass.unwrap();
    let change = desk.change("dan", policy("other"), &[]).unwrap();
    let reason = "too fast".to_owned();
    let scope = KillScope::Installation;
    let kill = desk.act("gus", Act::Kill { scope, reason }).unwrap();
    let mut other = set;
    other.limits = digest("wild");
    let failed = desk.act("carol", fail(other)).unwrap();
    let key_add = Act::KeyAdd {
        id: id("bob"),
        key: key(70),
        until: Some(UnixNanos(soon)),
    };
    desk.change("ada", key_add, &["amy"]).unwrap();
    let revoke = Act::KeyRevoke {
        id: id("carol"),
        key: key(3),
        reason: "lost".to_owned(),
    };
    desk.act("ada", revoke).unwrap();
    let found = now(&desk);
    assert_eq!(found.exceptions, [exception.unwrap()].into());
    assert_eq!(
        (found.break_glass, found.retrospectives),
        ([glass].into(), [].into())
    );
    assert_eq!(
        (found.changes, found.kills),
        ([change].into(), [kill].into())
    );
    assert_eq!(found.verdicts_failed, [failed].into());
    assert_eq!(found.keyless, ["carol".to_owned()].into());
    assert!(found.keys_expired.is_empty());
    assert_eq!(now(&desk).open_items(), 6);
    // Time alone ends an exception and a break-glass, whose retrospective is owed then.
    let later = at(&desk, soon);
    assert!(later.exceptions.is_empty() && later.break_glass.is_empty());
    assert_eq!(later.retrospectives, [glass].into());
    assert_eq!(later.keys_expired, [format!("bob {}", key(70))].into());
    // Another policy: what was approved under the old one is to be approved again.
    desk.act("gus", Act::ChangeApprove { proposed: change })
        .unwrap();
    assert_eq!(now(&desk).policy_old, [set.component].into());
    assert!(now(&desk).changes.is_empty());
}
