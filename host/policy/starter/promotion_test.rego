package counterfoil.promotion_test

import data.counterfoil.promotion

digest := "sha256:0000000000000000000000000000000000000000000000000000000000000000"

# Settings of these tests' own: whoever sets other numbers in data.json changes what is allowed, not
# what these tests say of the rules.
settings := {
	"promotion": {
		"back_ends_min": 2,
		"drawdown_max_bps": 3000,
		"slippage_loss_max_bps": 1000,
		"fuel_p99_max_bps": 5000,
	},
	"exceptions": {"rules": ["threshold.drawdown", "threshold.slippage", "threshold.fuel"]},
}

# A component that may be promoted; each test spoils one thing of it.
good := {
	"time": 1000,
	"set": {"component": digest, "limits": digest, "policy": digest, "evidence": digest},
	"people": {"author": "ada", "reviewer": "ren", "approvers": ["pia"]},
	"evidence": {
		"admission": {"passed": true},
		"unit_tests": {"passed": true, "by": "ada"},
		"snapshot_quality": {"snapshot": digest, "accepted": true, "quarantined": 0},
		"replay": {"run": digest, "identical": true, "back_ends": ["cranelift", "pulley"]},
		"no_look_ahead": {"passed": true},
		"thresholds": {"drawdown_bps": 1200, "slippage_loss_bps": 300, "fuel_p99_bps": 200},
	},
	"exceptions": [],
}

spoiled(path, value) := json_set(good, path, value)

# The input with one field of the first or second level replaced.
json_set(document, [one], value) := object.union(document, {one: value})

json_set(document, [one, two], value) := object.union(document, {one: json_set(document[one], [two], value)})

# Evidence is replaced whole: object.union would join it with what was there.
with_evidence(name, value) := object.union(
	object.remove(good, ["evidence"]),
	{"evidence": object.union(object.remove(good.evidence, [name]), {name: value})},
)

codes(document) := {one.code | some one in reasons} if {
	reasons := promotion.verdict.reasons with input as document with data.settings as settings
}

refused(document, code) if {
	promotion.verdict.outcome == "fail" with input as document with data.settings as settings
	codes(document) == {code}
}

exception(rule, until) := {
	"entry": 7, "rule": rule, "component": digest, "account": null, "reason": "r", "control": "c",
	"owner": "o", "approver": "a", "until": until,
}

test_a_good_component_passes_without_a_reason if {
	promotion.verdict == {"outcome": "pass", "reasons": set()} with input as good with data.settings as settings
}

test_it_must_be_admitted if {
	refused(with_evidence("admission", {"passed": false}), "evidence.admission")
	refused(with_evidence("admission", null), "evidence.admission")
}

test_its_unit_tests_must_be_attested if {
	refused(with_evidence("unit_tests", null), "evidence.unit-tests")
	refused(with_evidence("unit_tests", {"passed": false, "by": "ada"}), "evidence.unit-tests")
	refused(with_evidence("unit_tests", {"passed": true, "by": ""}), "evidence.unit-tests")
}

test_the_snapshot_must_be_accepted if {
	refused(with_evidence("snapshot_quality", {"accepted": false}), "evidence.snapshot-quality")
	refused(with_evidence("snapshot_quality", null), "evidence.snapshot-quality")
}

test_its_replays_must_be_identical_on_two_back_ends if {
	refused(with_evidence("replay", {"identical": false, "back_ends": ["cranelift", "pulley"]}), "evidence.replay")
	refused(with_evidence("replay", {"identical": true, "back_ends": ["pulley", "pulley"]}), "evidence.replay")
	refused(with_evidence("replay", null), "evidence.replay")
}

test_it_must_not_look_ahead if {
	refused(with_evidence("no_look_ahead", {"passed": false}), "evidence.no-look-ahead")
	refused(with_evidence("no_look_ahead", null), "evidence.no-look-ahead")
}

thresholds(drawdown, slippage, fuel) := with_evidence("thresholds", {
	"drawdown_bps": drawdown,
	"slippage_loss_bps": slippage,
	"fuel_p99_bps": fuel,
})

test_it_must_keep_each_threshold if {
	promotion.verdict.outcome == "pass" with input as thresholds(3000, 1000, 5000) with data.settings as settings
	refused(thresholds(3001, 0, 0), "threshold.drawdown")
	refused(thresholds(0, 1001, 0), "threshold.slippage")
	refused(thresholds(0, 0, 5001), "threshold.fuel")
}

test_what_was_not_measured_is_not_kept if {
	refused(thresholds(null, 0, 0), "threshold.drawdown")
	refused(thresholds(0, "0", 0), "threshold.slippage")
	codes(with_evidence("thresholds", null)) == {"threshold.drawdown", "threshold.slippage", "threshold.fuel"}
}

people(author, reviewer, approvers) := spoiled(["people"], {
	"author": author,
	"reviewer": reviewer,
	"approvers": approvers,
})

test_nobody_approves_what_they_wrote_or_reviewed if {
	refused(people("ada", "ren", ["ada"]), "duty.author")
	refused(people("ada", "ada", ["pia"]), "duty.author")
	refused(people("ada", "ren", ["pia", "ren"]), "duty.reviewer")
	refused(people("ada", "ren", []), "duty.author")
	refused(people("", "ren", ["pia"]), "duty.author")
}

test_an_exception_lets_its_rule_pass_and_is_named if {
	document := object.union(thresholds(3001, 0, 0), {"exceptions": [exception("threshold.drawdown", 1001)]})
	verdict := promotion.verdict with input as document with data.settings as settings
	verdict.outcome == "pass"
	some one in verdict.reasons
	one.code == "threshold.drawdown"
	startswith(one.text, "let pass by the exception in entry 7 until 1001: its drawdown is 3001")
}

test_an_exception_that_is_over_or_for_another_rule_lets_nothing_pass if {
	every exceptions in [[exception("threshold.drawdown", 1000)], [exception("threshold.fuel", 1001)]] {
		refused(object.union(thresholds(3001, 0, 0), {"exceptions": exceptions}), "threshold.drawdown")
	}
}

test_an_exception_for_something_else_lets_nothing_pass if {
	one := exception("threshold.drawdown", 1001)
	every about in [
		{"component": "sha256:1111"},
		{"component": null, "account": "main"},
		{"component": ""},
		{"component": 7},
	] {
		exceptions := [object.union(one, about)]
		refused(object.union(thresholds(3001, 0, 0), {"exceptions": exceptions}), "threshold.drawdown")
	}
	for_all := object.union(one, {"component": null})
	document := object.union(thresholds(3001, 0, 0), {"exceptions": [for_all]})
	promotion.verdict.outcome == "pass" with input as document with data.settings as settings
	nameless := object.remove(for_all, ["account"])
	refused(object.union(document, {"exceptions": [nameless]}), "threshold.drawdown")
}

test_no_exception_lets_anybody_approve_their_own if {
	document := object.union(people("ada", "ren", ["ada"]), {"exceptions": [exception("duty.author", 1001)]})
	refused(document, "duty.author")
}

test_nothing_at_all_is_refused if {
	promotion.verdict.outcome == "fail" with input as {} with data.settings as settings
	promotion.verdict.outcome == "fail" with input as {"evidence": null, "people": null}
}
