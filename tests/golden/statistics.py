#!/usr/bin/env python3
"""Golden values for the statistics of host/report, from an independent library.

    python3 -m venv VENV
    VENV/bin/pip install empyrical-reloaded==0.7.1 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1
    VENV/bin/python tests/golden/statistics.py            # writes statistics.json
    VENV/bin/python tests/golden/statistics.py --check    # compares to 1e-12, exit 1 if different

The input (equity at the end of each period, as exact decimal texts) is made here, by a generator
of integers written out below, and stands in the file beside the values. Where empyrical says nan
or infinity the value is null: the figure is not defined.
"""

import json
import math
import sys
from pathlib import Path

import empyrical
import numpy as np
import pandas as pd

OUT = Path(__file__).with_name("statistics.json")


def walk(seed, count, start, spread, drift):
    """Cents after each period: a walk whose steps are shares of ten million, in integers."""
    cents, state, out = start, seed, []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        step = (state >> 33) % (2 * spread + 1) - spread + drift
        cents += cents * step // 10_000_000
        out.append(cents)
    return out


def cases():
    yield "a walk over ten years of weekdays", 252.0, 100_000_000, walk(1, 2520, 100_000_000, 200_000, 4_000)
    yield "a walk that loses", 252.0, 100_000_000, walk(2, 750, 100_000_000, 300_000, -9_000)
    yield "every day of two years", 365.0, 1_000_000, walk(3, 731, 1_000_000, 500_000, 15_000)
    yield "months", 12.0, 5_000_000, walk(4, 60, 5_000_000, 600_000, 50_000)
    yield "nothing ever happens", 252.0, 1_000_000, [1_000_000] * 20
    yield "only gains", 252.0, 1_000_000, [1_000_000 + 1_000 * day * day for day in range(30)]
    yield "the same gain each period", 252.0, 1_000_000, [2_000_000, 4_000_000, 8_000_000]
    yield "only losses", 252.0, 1_000_000, [1_000_000 - 10_000 * day for day in range(1, 30)]
    yield "a crash and back", 252.0, 1_000_000, [1_000_000, 500_000, 10_000, 700_000, 1_000_000, 1_100_000]
    yield "one period", 252.0, 1_000_000, [1_010_000]
    yield "two periods", 252.0, 1_000_000, [1_010_000, 990_000]
    yield "a few cents", 252.0, 7, [8, 9, 7, 6, 11]


HOURS_PER_DAY = 24
MONDAY = 11_323 * HOURS_PER_DAY  # 2001-01-01T00:00, in hours since 1970
SATURDAY, SUNDAY = 5, 6


def weekday(day):
    """0 for Monday; day 0 was a Thursday."""
    return (day + 3) % 7


def daily(days, is_session):
    """The closes of daily bars: the midnight after each session."""
    first = MONDAY // HOURS_PER_DAY
    return [(day + 1) * HOURS_PER_DAY for day in range(first, first + days) if is_session(day)]


def fx_hours(weeks):
    """The closes of hourly bars from Sunday 22:00 to Friday 22:00."""
    begins = (MONDAY - 2 + week * 7 * HOURS_PER_DAY for week in range(weeks))
    return [begin + hour for begin in begins for hour in range(1, 5 * HOURS_PER_DAY + 1)]


def calendars():
    """Closes in hours since 1970 and what the calendar is."""
    yield "Monday to Friday", daily(730, lambda day: weekday(day) < SATURDAY)
    yield "Sunday to Thursday", daily(730, lambda day: weekday(day) not in (4, SATURDAY))
    yield "seven days", daily(365, lambda day: True)
    yield "every fourth day", daily(1_461, lambda day: day % 4 == 0)
    yield "hourly FX, Sunday evening to Friday evening", fx_hours(8)
    yield "weekly", daily(1_100, lambda day: weekday(day) == 4)


def calendar_values(start, hours, closes):
    """What empyrical says of the returns by UTC day, with the periods a year counted from the index."""
    index = pd.to_datetime(np.array(hours, dtype=np.int64) * 3600, unit="s")
    equity = pd.Series(np.array(closes, dtype=np.float64) / 100.0, index=index)
    # A close is the first moment after its bar.
    by_day = equity.groupby((index - pd.Timedelta(1, "ns")).floor("D")).last()
    # The first close is the base of the series. Here it holds the starting cash, as in a run: only a day
    # that has more bars than this one has a return.
    if (index - pd.Timedelta(1, "ns")).floor("D").value_counts()[by_day.index[0]] == 1:
        returns = by_day.pct_change().dropna()
    else:
        returns = pd.concat([pd.Series([start / 100.0]), by_day]).pct_change().dropna()
    years = (index[-1] - index[0]) / pd.Timedelta(365.25, "D")
    periods = len(returns) / years
    year = {"period": None, "annualization": periods}
    return {
        "periods": len(returns),
        "years": years,
        "periods-per-year": periods,
        "total-return": finite(empyrical.cum_returns_final(returns)),
        "annual-return": finite(empyrical.annual_return(returns, **year)),
        "volatility": finite(empyrical.annual_volatility(returns, **year)),
        "sharpe": finite(empyrical.sharpe_ratio(returns, **year)),
        "sortino": finite(empyrical.sortino_ratio(returns, **year)),
    }


def calendar_case(seed, name, hours):
    start = 10_000_000
    # The first close still holds the cash.
    closes = [start, *walk(seed, len(hours) - 1, start, 120_000, 4_000)]
    return {
        "name": name,
        "start": text(start),
        "values": calendar_values(start, hours, closes),
        "hours": " ".join(map(str, hours)),
        "equity": " ".join(text(cents) for cents in closes),
    }


def finite(value):
    value = float(value)
    return value if math.isfinite(value) else None


def values(periods, start, closes):
    equity = np.array([start, *closes], dtype=np.float64) / 100.0
    returns = pd.Series(equity[1:] / equity[:-1] - 1.0)
    year = {"period": None, "annualization": periods}
    return {
        "total-return": finite(empyrical.cum_returns_final(returns)),
        "annual-return": finite(empyrical.annual_return(returns, **year)),
        "volatility": finite(empyrical.annual_volatility(returns, **year)),
        "sharpe": finite(empyrical.sharpe_ratio(returns, **year)),
        "sortino": finite(empyrical.sortino_ratio(returns, **year)),
        "calmar": finite(empyrical.calmar_ratio(returns, **year)),
        "max-drawdown": finite(empyrical.max_drawdown(returns)),
        "worst": finite(returns.min()),
        "best": finite(returns.max()),
    }


def text(cents):
    return f"{cents // 100}.{cents % 100:02d}"


def document():
    return {
        "made-by": f"empyrical-reloaded {empyrical.__version__}, numpy {np.__version__}, pandas {pd.__version__}",
        "cases": [
            {
                "name": name,
                "periods-per-year": periods,
                "start": text(start),
                "values": values(periods, start, closes),
                "equity": " ".join(text(cents) for cents in closes),
            }
            for name, periods, start, closes in cases()
        ],
        "calendars": [calendar_case(seed, *one) for seed, one in enumerate(calendars(), 11)],
    }


def close(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(close, one, other))
    return one == other


def main():
    made = document()
    if "--check" in sys.argv:
        if not close(json.loads(OUT.read_text()), made):
            sys.exit("statistics.json differs from what the library gives")
        print("statistics.json agrees")
        return
    OUT.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
