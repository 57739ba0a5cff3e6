package counterfoil.start_test

import data.counterfoil.start

digest(letter) := concat("", ["sha256:", letter])

set := {"component": digest("a"), "limits": digest("b"), "policy": digest("c"), "evidence": digest("d")}

# Settings of these tests' own: whoever sets other numbers in data.json changes what is allowed, not
# what these tests say of the rules.
settings := {"exceptions": {"rules": []}}

# A run that may start; each test spoils one thing of it.
good := {
	"time": 1000,
	"set": set,
	"approved": set,
	"stage": "approved",
	"owner": "fund",
	"account": "main",
	"market": "xnys",
	"timeframe": "1d",
	"parameters": digest("p"),
	"limits": digest("l"),
	"people": {"operator": "olga", "log_holder": "lars"},
	"authorization": {
		"entry": 3, "by": "olga", "set": set, "owner": "fund", "account": "main",
		"market": "xnys", "timeframe": "1d", "parameters": digest("p"), "limits": digest("l"),
		"not_before": 1000, "not_after": 2000, "withdrawn": false,
	},
	"limits_in_force": digest("l"),
	"policy_in_force": digest("c"),
	"retrospectives_owed": [],
	"kills": [],
	"exceptions": [],
}

spoiled(name, value) := object.union(object.remove(good, [name]), {name: value})

spoiled_in(outer, name, value) := spoiled(outer, object.union(
	object.remove(good[outer], [name]),
	{name: value},
))

codes(document) := {one.code | some one in reasons} if {
	reasons := start.verdict.reasons with input as document with data.settings as settings
}

refused(document, code) if {
	start.verdict.outcome == "fail" with input as document with data.settings as settings
	codes(document) == {code}
}

test_an_authorized_start_passes_without_a_reason if {
	start.verdict == {"outcome": "pass", "reasons": set()} with input as good with data.settings as settings
}

test_only_what_is_approved_starts if {
	every stage in ["draft", "validated", "archived"] {
		refused(spoiled("stage", stage), "start.stage")
	}
}

test_another_set_than_the_approved_one_does_not_start if {
	every name in ["component", "limits", "policy", "evidence"] {
		refused(spoiled_in("approved", name, digest("x")), "start.set")
	}
	refused(spoiled("approved", null), "start.set")
}

test_policy_and_limits_must_be_those_in_force if {
	refused(spoiled("policy_in_force", digest("x")), "start.policy")
	refused(spoiled("policy_in_force", null), "start.policy")
	refused(spoiled("limits_in_force", digest("x")), "start.limits")
	refused(spoiled("limits_in_force", null), "start.limits")
}

test_the_authorization_must_be_for_exactly_this if {
	every name in ["owner", "account", "market", "timeframe", "parameters", "limits"] {
		refused(spoiled_in("authorization", name, "other"), "start.authorization")
	}
	every name in ["component", "limits", "policy", "evidence"] {
		other := object.union(set, {name: digest("x")})
		refused(spoiled_in("authorization", "set", other), "start.authorization")
	}
	refused(spoiled_in("authorization", "withdrawn", true), "start.authorization")
	codes(spoiled("authorization", null)) == {"start.authorization", "start.window"}
}

test_the_window_begins_and_ends if {
	refused(spoiled("time", 999), "start.window")
	start.verdict.outcome == "pass" with input as spoiled("time", 1999) with data.settings as settings
	refused(spoiled("time", 2000), "start.window")
	refused(spoiled_in("authorization", "not_after", null), "start.window")
}

test_an_owed_retrospective_stops_starts if {
	refused(spoiled("retrospectives_owed", [{"entry": 9, "opened_by": "olga"}]), "start.break-glass")
	refused(spoiled("retrospectives_owed", null), "start.break-glass")
}

test_the_kill_switch_stops_starts if {
	refused(spoiled("kills", [{"entry": 9, "scope": "account", "reason": "r"}]), "start.killed")
	refused(spoiled("kills", null), "start.killed")
}

test_who_deploys_does_not_hold_the_logs_key if {
	refused(spoiled("people", {"operator": "olga", "log_holder": "olga"}), "duty.log-key")
	refused(spoiled("people", {"operator": "olga", "log_holder": ""}), "duty.log-key")
}

test_no_exception_counts_here if {
	exception := {
		"entry": 7, "rule": "start.window", "component": null, "account": null, "reason": "r", "control": "c",
		"owner": "o", "approver": "a", "until": 5000,
	}
	refused(object.union(spoiled("time", 2000), {"exceptions": [exception]}), "start.window")
}

test_nothing_at_all_is_refused if {
	start.verdict.outcome == "fail" with input as {} with data.settings as settings
}
