package counterfoil.limits_test

import data.counterfoil.limits

# Settings of these tests' own: whoever sets other numbers in data.json changes what is allowed, not
# what these tests say of the rules.
settings := {
	"exceptions": {"rules": ["cap.order-notional"]},
	"limits": {
		"caps": {"cash": cash, "margin": object.union(cash, {"order_notional": 10000})},
		"accounts": {},
	},
}

cash := {
	"orders_per_bar": 10,
	"orders_per_day": 200,
	"working_orders": 50,
	"order_notional": 25000,
	"position_notional": 100000,
	"gross_exposure": 100000,
	"net_exposure": 100000,
	"price_collar_bps": 1000,
	"daily_loss": 10000,
	"drawdown_bps": 2000,
}

nothing_asked := {
	"orders_per_bar": null,
	"orders_per_day": null,
	"working_orders": null,
	"order_notional": null,
	"position_notional": null,
	"gross_exposure": null,
	"net_exposure": null,
	"price_collar_bps": null,
	"daily_loss": null,
	"drawdown_bps": null,
}

good := {
	"time": 1000,
	"asked_by": "olga",
	"account": {"name": "main", "owner": "fund", "kind": "cash", "currency": "USD"},
	"asked": nothing_asked,
	"exceptions": [],
}

asking(name, value) := object.union(
	object.remove(good, ["asked"]),
	{"asked": object.union(object.remove(nothing_asked, [name]), {name: value})},
)

account(name, value) := object.union(good, {"account": {name: value}})

codes(document) := {one.code | some one in reasons} if {
	reasons := limits.verdict.reasons with input as document with data.settings as settings
}

refused(document, code) if {
	limits.verdict.outcome == "fail" with input as document with data.settings as settings
	not limits.verdict.limits with input as document with data.settings as settings
	codes(document) == {code}
}

test_who_asks_for_nothing_gets_the_caps if {
	limits.verdict == {
		"outcome": "pass",
		"reasons": set(),
		"limits": {
			"orders-per-bar-max": 10,
			"orders-per-day-max": 200,
			"working-orders-max": 50,
			"order-notional-max": "25000",
			"position-notional-max": "100000",
			"gross-exposure-max": "100000",
			"net-exposure-max": "100000",
			"price-collar-bps": "1000",
			"daily-loss-max": "10000",
			"drawdown-max-bps": "2000",
		},
	} with input as good with data.settings as settings
}

test_who_asks_for_less_gets_less if {
	limits.verdict.limits["order-notional-max"] == "24999" with input as asking("order_notional", 24999) with data.settings as settings
	limits.verdict.limits["orders-per-bar-max"] == 1 with input as asking("orders_per_bar", 1) with data.settings as settings
}

test_who_asks_for_more_is_refused if {
	refused(asking("order_notional", 25001), "cap.order-notional")
	refused(asking("position_notional", 100001), "cap.position-notional")
	refused(asking("gross_exposure", 100001), "cap.gross-exposure")
	refused(asking("net_exposure", 100001), "cap.net-exposure")
	refused(asking("orders_per_bar", 11), "cap.orders-per-bar")
	refused(asking("orders_per_day", 201), "cap.orders-per-day")
	refused(asking("working_orders", 51), "cap.working-orders")
	refused(asking("price_collar_bps", 1001), "cap.price-collar")
	refused(asking("daily_loss", 10001), "cap.daily-loss")
	refused(asking("drawdown_bps", 2001), "cap.drawdown")
}

test_an_exception_grants_more if {
	exception := {
		"entry": 7, "rule": "cap.order-notional", "component": null, "account": "main", "reason": "r", "control": "c",
		"owner": "o", "approver": "a", "until": 1001,
	}
	document := object.union(asking("order_notional", 25001), {"exceptions": [exception]})
	verdict := limits.verdict with input as document with data.settings as settings
	verdict.outcome == "pass"
	verdict.limits["order-notional-max"] == "25001"
	count(verdict.reasons) == 1
	refused(object.union(document, {"time": 1001}), "cap.order-notional")
	other := object.union(exception, {"account": "other"})
	refused(object.union(document, {"exceptions": [other]}), "cap.order-notional")
}

test_what_is_no_number_above_zero_is_refused if {
	refused(asking("drawdown_bps", 0), "limits.asked")
	refused(asking("drawdown_bps", "100"), "limits.asked")
}

test_a_margin_account_has_caps_of_its_own if {
	limits.verdict.limits["order-notional-max"] == "10000" with input as account("kind", "margin") with data.settings as settings
}

test_an_account_without_caps_gets_nothing if {
	refused(account("kind", "crypto"), "limits.caps")
}

test_caps_by_name_come_first if {
	caps := object.union(cash, {"order_notional": 7})
	named := object.union(settings, {"limits": {"accounts": {"main": caps}}})
	verdict := limits.verdict with input as good with data.settings as named
	verdict.limits["order-notional-max"] == "7"
}

test_an_account_without_an_owner_gets_nothing if {
	refused(account("owner", ""), "limits.owner")
}

test_nothing_at_all_is_refused if {
	limits.verdict.outcome == "fail" with input as {} with data.settings as settings
}
