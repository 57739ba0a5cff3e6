# Limits: which risk limits does this account get? The answer is the typed value that the risk gate
# of a run enforces on every order. What was not asked for is the cap of the account; more than the
# cap is refused, unless an exception lets it pass. Caps are those of the account by name, or else
# of its kind (data.json).
package counterfoil.limits

import data.counterfoil.lib
import data.settings

verdict := object.union(lib.verdict(broken), {"limits": limits}) if lib.verdict(broken).outcome == "pass"

verdict := lib.verdict(broken) if lib.verdict(broken).outcome == "fail"

# --- The caps.

default caps := {}

caps := settings.limits.accounts[input.account.name]

caps := settings.limits.caps[input.account.kind] if not settings.limits.accounts[input.account.name]

# Each limit: its name here, its code, its name in a manifest, and whether it is an amount of money.
fields := [
	["orders_per_bar", "cap.orders-per-bar", "orders-per-bar-max"],
	["orders_per_day", "cap.orders-per-day", "orders-per-day-max"],
	["working_orders", "cap.working-orders", "working-orders-max"],
	["order_notional", "cap.order-notional", "order-notional-max"],
	["position_notional", "cap.position-notional", "position-notional-max"],
	["gross_exposure", "cap.gross-exposure", "gross-exposure-max"],
	["net_exposure", "cap.net-exposure", "net-exposure-max"],
	["price_collar_bps", "cap.price-collar", "price-collar-bps"],
	["daily_loss", "cap.daily-loss", "daily-loss-max"],
	["drawdown_bps", "cap.drawdown", "drawdown-max-bps"],
]

# Limits that a manifest holds as numbers; the others are texts there.
counts := {"orders_per_bar", "orders_per_day", "working_orders"}

# --- What is wrong.

broken contains lib.reason("limits.caps", text) if {
	some [name, _, _] in fields
	not is_number(caps[name])
	text := sprintf("the policy has no cap %s for this account", [name])
}

broken contains lib.reason("limits.asked", text) if {
	some [name, _, _] in fields
	not sensible(name)
	text := sprintf("what was asked for as %s is no number above zero", [name])
}

sensible(name) if input.asked[name] == null

sensible(name) if {
	is_number(input.asked[name])
	input.asked[name] > 0
}

broken contains lib.reason("limits.owner", "the account has no owner, or nobody asked") if {
	not known
}

known if {
	lib.named(input.account.owner)
	lib.named(input.asked_by)
}

# More than the cap, and nobody granted that. It is no refusal to ask for less.
broken contains lib.reason(code, text) if {
	some [name, code, _] in fields
	is_number(input.asked[name])
	is_number(caps[name])
	input.asked[name] > caps[name]
	text := sprintf("%d was asked for as %s, and the cap is %d", [input.asked[name], name, caps[name]])
}

# --- The value.

limits[spelled] := value(name) if some [name, _, spelled] in fields

value(name) := granted(name) if name in counts

value(name) := format_int(granted(name), 10) if not name in counts

granted(name) := caps[name] if input.asked[name] == null

# Beyond the cap only under an exception: without one the rule above refuses the whole.
granted(name) := input.asked[name] if is_number(input.asked[name])
