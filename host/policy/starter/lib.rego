# What the three gates share: how a value is held against a limit, how an exception lets a
# broken rule pass, and how reasons become a verdict.
#
# Two habits keep these policies safe. A rule is written as what must hold, and is broken when
# that cannot be shown: a fact that is missing never lets anything pass. And every comparison
# asks for numbers first: in Rego, null is less than every number.
package counterfoil.lib

import data.settings

# A reason: the stable code of a rule, and a sentence for people.
reason(code, text) := {"code": code, "text": text}

at_most(value, limit) if {
	is_number(value)
	is_number(limit)
	value <= limit
}

at_least(value, limit) if {
	is_number(value)
	is_number(limit)
	value >= limit
}

# A text that says something.
named(value) if {
	is_string(value)
	value != ""
}

# The exceptions to a rule that count now: recorded, not over, and for a rule that gives way to
# exceptions at all (settings.exceptions.rules in data.json).
exceptions(code) := {exception |
	code in settings.exceptions.rules
	is_array(input.exceptions)
	some exception in input.exceptions
	exception.rule == code
	about(exception)
	is_number(exception.until)
	is_number(input.time)
	input.time < exception.until
}

# What an exception is for: this component, this account, or all.
about(exception) if {
	named(exception.component)
	exception.component == input.set.component
}

about(exception) if {
	named(exception.account)
	exception.account == input.account.name
}

about(exception) if {
	exception.component == null
	exception.account == null
}

# Why a broken rule does not count.
excused(broken) := {reason(one.code, text) |
	some one in broken
	some exception in exceptions(one.code)
	text := sprintf("let pass by the exception in entry %d until %d: %s", [
		exception.entry,
		exception.until,
		one.text,
	])
}

# The broken rules that no exception covers.
standing(broken) := {one |
	some one in broken
	count(exceptions(one.code)) == 0
}

# The verdict over a set of broken rules.
verdict(broken) := {
	"outcome": outcome(standing(broken)),
	"reasons": standing(broken) | excused(broken),
}

outcome(left) := "pass" if count(left) == 0

outcome(left) := "fail" if count(left) > 0
