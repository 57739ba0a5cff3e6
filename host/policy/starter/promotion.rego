# Promotion: may this component, with these limits, this policy and this evidence, be approved
# for use? Asked after the reviewer validated it and the approvers signed, before it is promoted.
package counterfoil.promotion

import data.counterfoil.lib
import data.settings

verdict := lib.verdict(broken)

# --- Evidence: every piece is there, and says yes.

broken contains lib.reason("evidence.admission", "the sandbox did not admit the component") if {
	not admitted
}

admitted if input.evidence.admission.passed == true

broken contains lib.reason("evidence.unit-tests", "nobody attests that its unit tests passed") if {
	not tested
}

tested if {
	input.evidence.unit_tests.passed == true
	lib.named(input.evidence.unit_tests.by)
}

broken contains lib.reason("evidence.snapshot-quality", "the quality of the snapshot was not accepted") if {
	not quality_accepted
}

quality_accepted if input.evidence.snapshot_quality.accepted == true

broken contains lib.reason("evidence.replay", text) if {
	not replayed
	text := sprintf("its backtest was not replayed identically on %d back ends", [settings.promotion.back_ends_min])
}

replayed if {
	input.evidence.replay.identical == true
	is_array(input.evidence.replay.back_ends)
	back_ends := {one | some one in input.evidence.replay.back_ends}
	lib.at_least(count(back_ends), settings.promotion.back_ends_min)
}

broken contains lib.reason("evidence.no-look-ahead", "it was not shown that it does not look ahead") if {
	not looks_at_the_past_only
}

looks_at_the_past_only if input.evidence.no_look_ahead.passed == true

# --- Thresholds.

broken contains lib.reason("threshold.drawdown", text) if {
	not lib.at_most(drawdown, settings.promotion.drawdown_max_bps)
	text := sprintf("its drawdown is %v basis points, and at most %v are allowed", [
		drawdown,
		settings.promotion.drawdown_max_bps,
	])
}

broken contains lib.reason("threshold.slippage", text) if {
	not lib.at_most(slippage, settings.promotion.slippage_loss_max_bps)
	text := sprintf("dearer slippage costs it %v basis points of its cash, and at most %v are allowed", [
		slippage,
		settings.promotion.slippage_loss_max_bps,
	])
}

broken contains lib.reason("threshold.fuel", text) if {
	not lib.at_most(fuel, settings.promotion.fuel_p99_max_bps)
	text := sprintf("99 of 100 decisions take up to %v basis points of their fuel, and at most %v are allowed", [
		fuel,
		settings.promotion.fuel_p99_max_bps,
	])
}

default drawdown := "unknown"

drawdown := input.evidence.thresholds.drawdown_bps

default slippage := "unknown"

slippage := input.evidence.thresholds.slippage_loss_bps

default fuel := "unknown"

fuel := input.evidence.thresholds.fuel_p99_bps

# --- Segregation of duties: author, reviewer and approver are different people, and none of
# these rules gives way to an exception.

broken contains lib.reason("duty.author", "author, reviewer or approvers are not all known") if {
	not people_known
}

people_known if {
	lib.named(input.people.author)
	lib.named(input.people.reviewer)
	count(approvers) > 0
}

approvers := {one |
	is_array(input.people.approvers)
	some one in input.people.approvers
	lib.named(one)
}

broken contains lib.reason("duty.author", text) if {
	input.people.author in approvers
	text := sprintf("%s wrote the component and approved it", [input.people.author])
}

broken contains lib.reason("duty.author", text) if {
	input.people.author == input.people.reviewer
	text := sprintf("%s wrote the component and reviewed it", [input.people.author])
}

broken contains lib.reason("duty.reviewer", text) if {
	input.people.reviewer in approvers
	text := sprintf("%s reviewed the component and approved it", [input.people.reviewer])
}
