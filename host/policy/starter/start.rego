# Start: may this run start now? Asked for every start of an approved component on a feed. No rule
# here gives way to an exception: whoever may do more than the authorization says gets another
# authorization.
package counterfoil.start

import data.counterfoil.lib

verdict := lib.verdict(broken)

# --- What starts is what was approved.

broken contains lib.reason("start.stage", text) if {
	input.stage != "approved"
	text := sprintf("the component is %v, not approved", [input.stage])
}

# Each of the four digests by name, so that the reason says what changed.
broken contains lib.reason("start.set", text) if {
	some name in ["component", "limits", "policy", "evidence"]
	not same(name)
	text := sprintf("the %s is not what was approved", [name])
}

same(name) if {
	lib.named(input.set[name])
	input.set[name] == input.approved[name]
}

broken contains lib.reason("start.policy", "the approved policy is not the one in force") if {
	not policy_in_force
}

policy_in_force if {
	lib.named(input.policy_in_force)
	input.set.policy == input.policy_in_force
}

broken contains lib.reason("start.limits", "its limits are not those in force for the account") if {
	not limits_in_force
}

limits_in_force if {
	lib.named(input.limits_in_force)
	input.limits == input.limits_in_force
}

# --- Somebody authorized this start: this set on these terms, in this window.

broken contains lib.reason("start.authorization", "nobody authorized this start, or it was withdrawn") if {
	not authorized
}

authorized if {
	lib.named(input.authorization.by)
	input.authorization.withdrawn == false
}

broken contains lib.reason("start.authorization", text) if {
	some name in ["component", "limits", "policy", "evidence"]
	not same_as_authorized(name)
	text := sprintf("the authorization is not for this %s", [name])
}

same_as_authorized(name) if input.authorization.set[name] == input.set[name]

broken contains lib.reason("start.authorization", text) if {
	some name in ["owner", "account", "market", "timeframe", "parameters", "limits"]
	not this_one(name)
	text := sprintf("the authorization is not for this %s", [name])
}

this_one(name) if {
	lib.named(input[name])
	input.authorization[name] == input[name]
}

broken contains lib.reason("start.window", "it is not the time that the authorization says") if {
	not in_window
}

in_window if {
	lib.at_least(input.time, input.authorization.not_before)
	is_number(input.authorization.not_after)
	input.time < input.authorization.not_after
}

# --- Nothing stands in the way.

broken contains lib.reason("start.break-glass", "it is not known whether a retrospective is owed") if {
	not is_array(input.retrospectives_owed)
}

broken contains lib.reason("start.break-glass", text) if {
	is_array(input.retrospectives_owed)
	some owed in input.retrospectives_owed
	text := sprintf("the retrospective of the break-glass in entry %v, opened by %v, is owed", [
		owed.entry,
		owed.opened_by,
	])
}

broken contains lib.reason("start.killed", "it is not known whether something was killed") if {
	not is_array(input.kills)
}

broken contains lib.reason("start.killed", text) if {
	is_array(input.kills)
	some kill in input.kills
	text := sprintf("the kill switch in entry %v stops the %v: %v", [kill.entry, kill.scope, kill.reason])
}

# --- Segregation of duties: who deploys strategies does not hold the log's signing key.

broken contains lib.reason("duty.log-key", "operator and holder of the log's key are one, or not known") if {
	not duties_apart
}

duties_apart if {
	lib.named(input.people.operator)
	lib.named(input.people.log_holder)
	input.people.operator != input.people.log_holder
}
