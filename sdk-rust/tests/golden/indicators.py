#!/usr/bin/env python3
"""Writes indicators.csv: real bars as integers, and what TA-Lib makes of them.

TA-Lib is the independent reference for sdk-rust/src/indicators; nothing here looks at the Rust code.

    python3 -m venv VENV
    VENV/bin/pip install TA-Lib==0.8.2 numpy==2.4.6
    VENV/bin/python sdk-rust/tests/golden/indicators.py            # writes the file
    VENV/bin/python sdk-rust/tests/golden/indicators.py --check    # compares, exit 1 if different

Input: the first 300 bars of AAPL in tests/data, prices as integers at scale 4. The 2:1 split of
2000-06-21 is in them as a jump, which moves every indicator hard. An empty cell: no value yet.
"""

import csv
import gzip
import io
import math
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import talib

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[2] / "tests/data/us-equities-daily-2000-2013.csv.gz"
TARGET = HERE / "indicators.csv"
BARS = 300


def bars():
    with gzip.open(DATA, "rt", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["Ticker"] == "AAPL"]
    names = ["High", "Low", "Close"]
    return [[int(Decimal(row[name]) * 10_000) for name in names] for row in rows[:BARS]]


def table():
    integers = bars()
    high, low, close = (np.array(column, dtype=float) for column in zip(*integers))
    columns = {"high": high, "low": low, "close": close}
    for length in (2, 20):
        # Whole numbers far below 2^53: exact as floats, so the sum and extremes are integers.
        columns[f"sum-{length}"] = talib.SUM(close, length)
        columns[f"highest-{length}"] = talib.MAX(high, length)
        columns[f"lowest-{length}"] = talib.MIN(low, length)
    exact = set(columns)
    for length in (2, 20):
        columns[f"ema-{length}"] = talib.EMA(close, length)
    for length in (2, 14):
        columns[f"rsi-{length}"] = talib.RSI(close, length)
    for length in (1, 14):
        columns[f"atr-{length}"] = talib.ATR(high, low, close, length)
    for length, deviations in ((5, 1.5), (20, 2.0)):
        bands = talib.BBANDS(close, length, deviations, deviations)
        for name, band in zip(("upper", "middle", "lower"), bands):
            columns[f"{name}-{length}"] = band
    for fast, slow, signal in ((3, 10, 4), (12, 26, 9)):
        values = talib.MACD(close, fast, slow, signal)
        for name, value in zip(("macd", "signal", "histogram"), values):
            columns[f"{name}-{slow}"] = value
    return columns, exact


def text():
    columns, exact = table()
    out = io.StringIO()
    out.write(",".join(columns) + "\n")
    for row in zip(*columns.values()):
        cells = []
        for name, value in zip(columns, row):
            if math.isnan(value):
                cells.append("")
            elif name in exact:
                assert value == int(value)
                cells.append(str(int(value)))
            else:
                cells.append(repr(float(value)))
        out.write(",".join(cells) + "\n")
    return out.getvalue()


if __name__ == "__main__":
    made = text()
    if "--check" in sys.argv[1:]:
        sys.exit(0 if TARGET.read_text() == made else f"{TARGET.name} differs")
    TARGET.write_text(made)
