"""The large ledger: how long it takes to write, to check, and to add up, beside pandas on the same rows.

Usage: python benchmarks/bench_ledger.py [LINES]   (default 2,000,000; the promise is made for 10,000,000)
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from opsanalytics import sources
from opsanalytics.sample import write_sample

ROUNDS = 3


def seconds(work: Callable[[], object]) -> float:
    """Return the median of three rounds."""
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main(lines: int) -> None:
    """Write, check and add up a ledger of so many lines, and print what each took."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "company"
        start = time.perf_counter()
        write_sample(folder, ledger_lines=lines)
        print(f"write {lines:,} lines as Parquet        {time.perf_counter() - start:7.2f} s")
        start = time.perf_counter()
        inputs = sources.read(folder)
        checking = time.perf_counter() - start
        print(f"check every table, control totals included {checking:7.2f} s, {len(inputs.faults)} faults")
        last = inputs.periods_with("ledger")[-1]
        checked = inputs.store / "ledger.parquet"
        keys = ["period", "cost_centre", "account"]

        def in_pandas() -> pd.DataFrame:
            frame = pd.read_parquet(checked, columns=[*keys, "amount_cents"])
            return frame.groupby(keys, dropna=False)["amount_cents"].sum().reset_index()

        ours, peer = seconds(lambda: inputs.actuals(last)), seconds(in_pandas)
        same = inputs.actuals(last)["amount_cents"].sum() == in_pandas()["amount_cents"].sum()
        print(f"roll-up by period, cost centre, account    {ours:7.2f} s; pandas {peer:.2f} s")
        print(f"ratio pandas / ours {peer / ours:.1f}; the same total to the cent: {same}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000)
