#!/usr/bin/env python3
"""Golden facts for the moving-average cross, computed independently of the Rust code.

A plain event-driven engine, written from the project's execution rules and from nothing else.
Standard library only. Integers and fractions only: no floating point anywhere.

    python3 tests/golden/reference.py             writes moving-average-cross.json beside this file
    python3 tests/golden/reference.py --check     compares with the file instead; exit 1 if different
"""

import csv
import datetime
import gzip
import hashlib
import json
import pathlib
import sys
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "data" / "us-equities-daily-2000-2013.csv.gz"
OUTPUT = HERE / "moving-average-cross.json"

MONEY_SCALE = 9
BPS = 10_000
PRICE_COLUMNS = ("Open", "High", "Low", "Close")


# ---------------------------------------------------------------- numbers


def round_half_even(value):
    """The nearest integer to a Fraction; a tie goes to the even one."""
    value = Fraction(value)
    floor = value.numerator // value.denominator
    rest = value - floor
    half = Fraction(1, 2)
    if rest > half or (rest == half and floor % 2 == 1):
        return floor + 1
    return floor


def is_tie(value):
    return Fraction(value).denominator == 2


def decimals(text):
    """Digits after the point, as written."""
    return len(text.partition(".")[2])


def to_integer(text, scale):
    """A decimal string as an integer at `scale`; refuses to lose digits."""
    scaled = Fraction(Decimal(text)) * 10**scale
    if scaled.denominator != 1:
        raise ValueError(f"{text} has more than {scale} decimals")
    return scaled.numerator


def to_text(value, scale):
    """An integer at `scale` as a decimal string with exactly `scale` decimals."""
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value), 10**scale)
    return f"{sign}{whole}.{part:0{scale}d}"


# ---------------------------------------------------------------- data


@dataclass(frozen=True)
class Bar:
    symbol: str
    index: int  # 0-based, per instrument
    close_date: datetime.date  # the close time is 00:00 UTC on this date
    open: int
    high: int
    low: int
    close: int
    volume: int


def absurdities(open_, high, low, close, volume):
    """Every reason why a bar must not reach the engine."""
    reasons = []
    if low > high:
        reasons.append("low > high")
    if not low <= open_ <= high:
        reasons.append("open outside [low, high]")
    if not low <= close <= high:
        reasons.append("close outside [low, high]")
    if min(open_, high, low, close) <= 0:
        reasons.append("price not positive")
    if volume < 0:
        reasons.append("negative volume")
    return reasons


def load():
    """(price scale, bars per symbol, quarantined rows)."""
    text = gzip.decompress(DATA.read_bytes()).decode("ascii")
    rows = list(csv.DictReader(text.splitlines()))
    price_scale = max(decimals(row[column]) for row in rows for column in PRICE_COLUMNS)

    quarantined = []
    bars = {}
    for line, row in enumerate(rows, start=2):  # the header is line 1
        prices = [to_integer(row[column], price_scale) for column in PRICE_COLUMNS]
        volume = to_integer(row["Volume"], 0)
        reasons = absurdities(*prices, volume)
        if reasons:
            quarantined.append({"line": line, "reasons": reasons})
            continue
        series = bars.setdefault(row["Ticker"], [])
        opened = datetime.date.fromisoformat(row["Date"])
        closed = opened + datetime.timedelta(days=1)
        assert not series or series[-1].close_date < closed, f"line {line}: out of sequence"
        series.append(Bar(row["Ticker"], len(series), closed, *prices, volume))
    return price_scale, bars, quarantined


# ---------------------------------------------------------------- strategy


class MovingAverageCross:
    """One instrument's half of the strategy; knows closes, nothing else."""

    def __init__(self, fast, slow):
        assert 0 < fast < slow
        self.fast, self.slow = fast, slow
        self.closes = deque(maxlen=slow)
        self.previous = None  # the difference on the previous bar, once both averages exist

    def on_close(self, close):
        """"up", "down" or None."""
        self.closes.append(close)
        if len(self.closes) < self.slow:
            return None
        fast_sum = sum(list(self.closes)[-self.fast :])
        slow_sum = sum(self.closes)
        # fast_sum / fast - slow_sum / slow, times fast * slow
        now = fast_sum * self.slow - slow_sum * self.fast
        before, self.previous = self.previous, now
        if before is None:
            return None
        if before <= 0 < now:
            return "up"
        if before >= 0 > now:
            return "down"
        return None


# ---------------------------------------------------------------- engine


@dataclass
class Order:
    sent: int  # sending sequence
    side: str
    leaves: int


class Engine:
    def __init__(self, case, price_scale, bars):
        self.case = case
        self.price_scale = price_scale
        self.to_money = 10 ** (MONEY_SCALE - price_scale)
        self.symbols = sorted(case["instruments"])  # place in this list = instrument id
        self.bars = {symbol: bars[symbol] for symbol in self.symbols}

        settings, parameters = case["settings"], case["parameters"]
        self.fee_bps = Fraction(Decimal(settings["fee_bps"]))
        self.slippage_bps = Fraction(Decimal(settings["slippage_bps"]))
        self.participation_bps = settings["participation_bps"]  # None: cap off
        self.starting_cash = to_integer(settings["starting_cash"], MONEY_SCALE)
        self.quantity = parameters["quantity"]
        self.short = parameters["short"]
        assert settings["account"] == ("margin" if self.short else "cash")

        self.cash = self.starting_cash
        self.fees = 0
        self.position = dict.fromkeys(self.symbols, 0)
        self.last_close = dict.fromkeys(self.symbols)
        self.working = {symbol: [] for symbol in self.symbols}
        self.strategy = {
            symbol: MovingAverageCross(parameters["fast"], parameters["slow"])
            for symbol in self.symbols
        }
        self.orders_sent = 0
        self.fills = []
        self.clamped = []  # places in self.fills
        self.price_ties = 0
        self.fee_ties = 0
        self.partial_fills = 0
        self.crosses_without_order = 0
        self.crosses_while_working = 0

    # step 2 and 3 of the slice

    def match(self, bar):
        budget = {}
        for side in ("buy", "sell"):
            if bar.volume == 0:
                budget[side] = 0
            elif self.participation_bps is None:
                budget[side] = None
            else:
                budget[side] = bar.volume * self.participation_bps // BPS
        for order in self.working[bar.symbol]:
            room = budget[order.side]
            quantity = order.leaves if room is None else min(order.leaves, room)
            if quantity == 0:
                continue
            if room is not None:
                budget[order.side] -= quantity
            self.fill(bar, order, quantity)
        self.working[bar.symbol] = [order for order in self.working[bar.symbol] if order.leaves]

    def fill(self, bar, order, quantity):
        sign = 1 if order.side == "buy" else -1
        slipped = bar.open * (1 + sign * self.slippage_bps / BPS)
        self.price_ties += is_tie(slipped)
        rounded = round_half_even(slipped)  # the tick is 1 at the price scale
        price = min(max(rounded, bar.low), bar.high)
        if price != rounded:
            self.clamped.append(len(self.fills))

        notional = price * quantity * self.to_money
        exact_fee = notional * self.fee_bps / BPS
        self.fee_ties += is_tie(exact_fee)
        fee = round_half_even(exact_fee)

        order.leaves -= quantity
        self.partial_fills += order.leaves > 0
        self.position[bar.symbol] += sign * quantity
        self.cash -= sign * notional + fee
        self.fees += fee
        self.fills.append(
            [
                bar.symbol,
                bar.index,
                bar.close_date.isoformat(),
                order.side,
                quantity,
                to_text(price, self.price_scale),
                to_text(fee, MONEY_SCALE),
            ]
        )

    # step 5 to 8

    def on_bar(self, bar):
        cross = self.strategy[bar.symbol].on_close(bar.close)
        if cross is None:
            return
        if cross == "up":
            target = self.quantity
        else:
            target = -self.quantity if self.short else 0
        self.crosses_while_working += bool(self.working[bar.symbol])
        delta = target - self.position[bar.symbol]
        if delta == 0:
            self.crosses_without_order += 1
            return
        order = Order(self.orders_sent, "buy" if delta > 0 else "sell", abs(delta))
        self.orders_sent += 1
        self.working[bar.symbol].append(order)
        self.check_no_refusal(bar.symbol)

    # The cases are chosen so that the risk gate never refuses; these hold it to that.

    def check_no_refusal(self, symbol):
        if self.short:
            return
        # Stricter than the gate: every working buy, with its fee, must be covered by cash.
        reserved = 0
        for name in self.symbols:
            for order in self.working[name]:
                if order.side == "buy":
                    cost = order.leaves * self.last_close[name] * self.to_money
                    reserved += cost + cost * self.fee_bps / BPS
        assert reserved <= self.cash, f"{self.case['name']}: no-buying-power, {symbol}"
        selling = sum(o.leaves for o in self.working[symbol] if o.side == "sell")
        assert selling <= self.position[symbol], f"{self.case['name']}: sells short, {symbol}"

    def equity(self):
        return self.cash + sum(
            self.position[symbol] * self.last_close[symbol] * self.to_money
            for symbol in self.symbols
            if self.position[symbol]
        )

    def check_account(self):
        gross = sum(
            abs(self.position[symbol]) * self.last_close[symbol] * self.to_money
            for symbol in self.symbols
            if self.position[symbol]
        )
        if self.short:
            assert gross <= self.equity(), f"{self.case['name']}: margin"
        else:
            assert self.cash >= 0, f"{self.case['name']}: cash below zero"
            assert min(self.position.values()) >= 0, f"{self.case['name']}: short position"

    def run(self):
        slices = {}
        for symbol in self.symbols:
            for bar in self.bars[symbol]:
                slices.setdefault(bar.close_date, []).append(bar)  # by instrument id
        for close_date in sorted(slices):
            for bar in slices[close_date]:
                self.match(bar)
            for bar in slices[close_date]:
                self.last_close[bar.symbol] = bar.close
            self.check_account()
            for bar in slices[close_date]:
                self.on_bar(bar)
        return {
            "bars": sum(len(series) for series in self.bars.values()),
            "slices": len(slices),
            "orders_sent": self.orders_sent,
            "fills_count": len(self.fills),
            "partial_fills_count": self.partial_fills,
            "clamped_fills_count": len(self.clamped),
            "clamped_fills": self.clamped,
            "price_rounding_ties": self.price_ties,
            "fee_rounding_ties": self.fee_ties,
            "crosses_while_working": self.crosses_while_working,
            "crosses_without_order": self.crosses_without_order,
            "working_orders": [
                [symbol, order.side, order.leaves]
                for symbol in self.symbols
                for order in self.working[symbol]
            ],
            "final_cash": to_text(self.cash, MONEY_SCALE),
            "final_positions": dict(self.position),
            "final_equity": to_text(self.equity(), MONEY_SCALE),
            "fees_total": to_text(self.fees, MONEY_SCALE),
            "fills": self.fills,
        }


# ---------------------------------------------------------------- cases


def case(name, instruments, fast, slow, quantity, short, cash, fee, slippage, participation):
    return {
        "name": name,
        "instruments": instruments,
        "parameters": {"fast": fast, "slow": slow, "quantity": quantity, "short": short},
        "settings": {
            "account": "margin" if short else "cash",
            "starting_cash": cash,
            "fee_bps": fee,
            "slippage_bps": slippage,
            "participation_bps": participation,
        },
    }


ALL = ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
MILLION = "1000000.000000000"
CASES = [
    case(f"single-{s.lower()}", [s], 10, 30, 100, False, MILLION, "0", "0", None)
    for s in ("AAPL", "IBM", "MSFT", "GOOG", "FB")
] + [
    case("all-costs", ALL, 10, 30, 100, True, MILLION, "10", "5", 1000),
    case("all-partial", ALL, 5, 20, 300_000, True, "20000000000.000000000", "2.5", "1.5", 100),
    # One million would be refused no-buying-power here, so ten.
    case("all-slow", ALL, 50, 200, 1000, False, "10000000.000000000", "10", "5", 1000),
    # GOOG and MSFT cross on the last bar: two orders stay pending.
    case("all-pending", ALL, 3, 8, 100, True, MILLION, "1", "0", 1000),
]


def self_test():
    """The rules this data file does not exercise."""
    assert [round_half_even(Fraction(n, 2)) for n in (1, 3, 5, -1, -3)] == [0, 2, 2, 0, -2]
    assert absurdities(10, 11, 9, 10, 0) == []
    assert absurdities(10, 9, 11, 10, 1)[0] == "low > high"
    assert absurdities(12, 11, 9, 10, 1) == ["open outside [low, high]"]
    assert absurdities(10, 11, 9, 8, 1) == ["close outside [low, high]"]
    assert absurdities(1, 1, 0, 1, 1) == ["price not positive"]
    assert absurdities(1, 1, 1, 1, -1) == ["negative volume"]


def render(document):
    """JSON with one line for each fill; the same bytes every time."""
    marks = {}

    def mark(fills):
        key = f"@fills-{len(marks)}@"
        marks[key] = fills
        return key

    shallow = json.loads(json.dumps(document))
    for entry in shallow["cases"]:
        results = entry["results"]
        results["fills"] = mark(results["fills"])
        results["clamped_fills"] = mark(results["clamped_fills"])
    text = json.dumps(shallow, indent=1)
    for key, value in marks.items():
        if value and isinstance(value[0], list):
            lines = ",\n".join("    " + json.dumps(fill) for fill in value)
            body = f"[\n{lines}\n   ]"
        else:
            body = json.dumps(value)
        text = text.replace(f'"{key}"', body)
    assert json.loads(text) == document
    return text + "\n"


def main():
    self_test()
    price_scale, bars, quarantined = load()
    document = {
        "strategy": "moving-average-cross",
        "source": {
            "file": f"tests/data/{DATA.name}",
            "sha256": hashlib.sha256(DATA.read_bytes()).hexdigest(),
            "price_scale": price_scale,
            "tick": to_text(1, price_scale),
            "quantity_scale": 0,
            "lot": 1,
            "money_scale": MONEY_SCALE,
            "bars": {symbol: len(bars[symbol]) for symbol in sorted(bars)},
            "quarantined": quarantined,
        },
        "fill_fields": [
            "symbol",
            "bar_index",
            "close_date",
            "side",
            "quantity",
            "price",
            "fee",
        ],
        "cases": [{**entry, "results": Engine(entry, price_scale, bars).run()} for entry in CASES],
    }
    text = render(document)
    if sys.argv[1:] == ["--check"]:
        same = OUTPUT.read_text(encoding="ascii") == text
        print("same" if same else "DIFFERENT")
        return 0 if same else 1
    OUTPUT.write_text(text, encoding="ascii")
    for entry in document["cases"]:
        results = entry["results"]
        print(entry["name"], results["fills_count"], "fills, equity", results["final_equity"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
