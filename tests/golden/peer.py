#!/usr/bin/env python3
"""Cross-check of the single-instrument golden cases by a peer engine, backtesting.py.

Requirements (not in the project; PyPI, AGPL-3.0; used here as a separate tool only):

    python3 -m venv /tmp/peer && /tmp/peer/bin/pip install 'backtesting==0.6.6'
    /tmp/peer/bin/python tests/golden/peer.py > tests/golden/peer.txt

The crosses are computed here from integers, by prefix sums, and given to the peer as a signal;
the peer decides when and at what price each order fills, and keeps the account.
The peer counts in binary floating point: prices are compared exactly (both sides come from the
same four-decimal strings), money to 0.000001.
"""

import csv
import gzip
import json
import pathlib
import sys
import warnings
from itertools import accumulate

warnings.filterwarnings("ignore")

import backtesting  # noqa: E402
import pandas  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "data" / "us-equities-daily-2000-2013.csv.gz"
GOLDEN = HERE / "moving-average-cross.json"


def load(symbol):
    with gzip.open(DATA, "rt", encoding="ascii", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["Ticker"] == symbol]
    columns = ("Open", "High", "Low", "Close", "Volume")
    frame = pandas.DataFrame(
        {column: [float(row[column]) for row in rows] for column in columns},
        index=pandas.to_datetime([row["Date"] for row in rows]),
    )
    closes = []
    for row in rows:
        whole, _, part = row["Close"].partition(".")
        closes.append(int(whole + part.ljust(4, "0")))
    return frame, closes


def crosses(closes, fast, slow):
    """+1 (up), -1 (down) or 0 for each bar."""
    prefix = [0, *accumulate(closes)]

    def difference(end):
        fast_sum = prefix[end + 1] - prefix[end + 1 - fast]
        slow_sum = prefix[end + 1] - prefix[end + 1 - slow]
        return fast_sum * slow - slow_sum * fast

    signal = [0] * len(closes)
    for index in range(slow, len(closes)):
        before, now = difference(index - 1), difference(index)
        signal[index] = int(before <= 0 < now) - int(before >= 0 > now)
    return signal


def run_peer(frame, signal, quantity, cash):
    class Cross(backtesting.Strategy):
        def init(self):
            pass

        def next(self):
            cross = signal[len(self.data) - 1]
            if cross > 0 and not self.position:
                self.buy(size=quantity)
            elif cross < 0 and self.position:
                self.position.close()

    stats = backtesting.Backtest(
        frame,
        Cross,
        cash=cash,
        spread=0,
        commission=0,
        margin=1,
        trade_on_close=False,
        hedging=False,
        exclusive_orders=False,
        finalize_trades=False,
    ).run()
    fills = []
    for trade in stats["_trades"].itertuples():
        assert trade.Size == quantity
        fills.append((trade.EntryBar, "buy", quantity, trade.EntryPrice))
        fills.append((trade.ExitBar, "sell", quantity, trade.ExitPrice))
    for trade in stats["_strategy"].trades:  # still open at the end
        fills.append((trade.entry_bar, "buy", trade.size, trade.entry_price))
    return sorted(fills, key=lambda fill: fill[0]), stats["Equity Final [$]"]


def main():
    print(f"backtesting.py {backtesting.__version__}")
    failed = 0
    for entry in json.loads(GOLDEN.read_text(encoding="ascii"))["cases"]:
        settings, parameters, results = entry["settings"], entry["parameters"], entry["results"]
        if not entry["name"].startswith("single-"):
            continue
        assert settings["fee_bps"] == settings["slippage_bps"] == "0"
        assert settings["participation_bps"] is None and not parameters["short"]
        (symbol,) = entry["instruments"]
        frame, closes = load(symbol)
        signal = crosses(closes, parameters["fast"], parameters["slow"])
        fills, equity = run_peer(
            frame, signal, parameters["quantity"], float(settings["starting_cash"])
        )
        golden = [(bar, side, size, float(price)) for _, bar, _, side, size, price, _ in results["fills"]]
        same_fills = fills == golden
        same_equity = abs(equity - float(results["final_equity"])) < 1e-6
        failed += not (same_fills and same_equity)
        print(
            f"{entry['name']}: {len(fills)} fills, equity {equity:.6f}:",
            "agrees" if same_fills and same_equity else "DIFFERS",
        )
        if not same_fills:
            wrong = [pair for pair in zip(fills, golden) if pair[0] != pair[1]]
            print(f"  peer {len(fills)}, golden {len(golden)}, first difference {wrong[:1]}")
    print("agrees" if not failed else "DIFFERS")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
