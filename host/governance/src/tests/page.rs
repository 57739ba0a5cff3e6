//! The table of acts and the lists of rules in the documents are written from the source.

#[path = "../../../../tests/tidy/generated.rs"]
mod generated;

use super::one_of_each;
use crate::act::Act;
use crate::role::Role;
use crate::rule::{HostRule, Rule};
use core::fmt::Write as _;

/// Who may do acts that no role allows by itself.
fn without_role(act: &str) -> &'static str {
    match act {
        "key-rotate" => "every principal, for the key that signs",
        "key-revoke" => "every principal for its own keys; administrator for all",
        "delegate" => "a member of the class",
        "delegate-end" => "the member, the delegate, or an administrator",
        "change-propose" => "a principal who may do the act, or belongs to its class",
        "change-approve" => "another member of the class",
        "change-withdraw" => "its proposer, or a member of the class",
        "run-start" | "run-resume" | "runs-anchor" | "run-end" => "a service",
        "kill" => "a service, operator, administrator, approver or compliance",
        "usage" => "a service or operator",
        "drift" | "drift-end" => {
            "a service, auditor, operator, administrator, approver or compliance"
        }
        "verdict" => "every principal who evaluated the policy",
        "refused" => "every principal who was refused",
        other => panic!("say here who may do {other}"),
    }
}

/// Conditions beside the role.
fn condition(act: &str) -> &'static str {
    match act {
        "genesis" => ", named in it",
        "component-approve" => ", a member of the class",
        "break-glass-open" | "emergency" => ", for themselves",
        "retrospective" => ", but not the one who opened it",
        _ => "",
    }
}

/// Who may do an act, and the class that signs it: the second and third column.
fn columns(act: &Act) -> String {
    let name = act.name();
    let roles: Vec<&str> = act.roles().iter().map(|role| Role::name(*role)).collect();
    let who = match roles.as_slice() {
        [] => without_role(name).to_owned(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    };
    let class = act.class().map_or("", |class| class.name());
    format!("{who}{} | {class}", condition(name))
}

#[test]
fn the_table_of_acts_is_written_from_the_source() {
    // Acts with the same actors and class share a row, where the first of them is.
    let mut rows: Vec<(String, String)> = Vec::new();
    for act in one_of_each() {
        let columns = columns(&act);
        if let Some((names, _)) = rows.iter_mut().find(|(_, of_row)| *of_row == columns) {
            write!(names, ", `{}`", act.name()).unwrap();
        } else {
            rows.push((format!("`{}`", act.name()), columns));
        }
    }
    let mut table = String::from("| act | who may do it, or propose it | signed by the class |\n");
    table.push_str("| --- | --- | --- |\n");
    for (names, columns) in rows {
        writeln!(table, "| {names} | {columns} |").unwrap();
    }
    generated::check("docs/reference/GOVERNANCE.md", "acts", &table);
}

fn rules<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut list = String::new();
    for (code, meaning) in rows {
        writeln!(list, "- `{code}`: {}", meaning.trim_end_matches('.')).unwrap();
    }
    list
}

#[test]
fn the_lists_of_rules_are_written_from_the_source() {
    let ledger = Rule::ALL.iter().map(|rule| (rule.code(), rule.meaning()));
    generated::check("docs/reference/GOVERNANCE.md", "rules", &rules(ledger));
    let host = HostRule::ALL
        .iter()
        .map(|rule| (rule.code(), rule.meaning()));
    generated::check("docs/start/APPROVE.md", "host-rules", &rules(host));
}
