"""The large ledger: how long it takes to check and to add up, in what memory, beside pandas on the same rows.

Usage: python benchmarks/bench_ledger.py [LINES]   (default 10,000,000, for which the promise is made)

Promised of 10,000,000 lines on two cores: check, quarantine, duplicate search and roll-up in at most 5 s and 1.5 GB;
the roll-up alone at least three times faster than pandas on int64-cents Parquet of the same rows.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from opsanalytics import sources

ROUNDS = 3
KEYS = ["period", "cost_centre", "account"]


def seconds(*works: Callable[[], object]) -> list[tuple[float, float]]:
    """Return for each piece of work its seconds and its processor seconds, the medians of rounds taken in turn."""
    taken: list[list[tuple[float, float]]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, rounds in zip(works, taken, strict=True):
            start, cpu = time.perf_counter(), time.process_time()
            work()
            rounds.append((time.perf_counter() - start, time.process_time() - cpu))
    return [(statistics.median(t for t, _ in rounds), statistics.median(c for _, c in rounds)) for rounds in taken]


def peak_gigabytes() -> float:
    """Return the most memory that this process has held so far."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e9 if sys.platform == "darwin" else most * 1024 / 1e9


def main(lines: int) -> None:
    """Write a ledger of so many lines in another process, then check and add it up here, and say what each took."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "company"
        start = time.perf_counter()
        command = [sys.executable, "-m", "opsanalytics", "sample", str(folder), "--ledger-lines", str(lines)]
        subprocess.run(command, check=True, capture_output=True)
        print(f"write {lines:,} lines as Parquet in {time.perf_counter() - start:.2f} s")

        start, cpu = time.perf_counter(), time.process_time()
        inputs = sources.read(folder)
        checked = time.perf_counter() - start
        last = inputs.periods_with("ledger")[-1]
        rolled = inputs.actuals(last)
        whole, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(
            f"every table checked, quarantine, duplicates, control totals {checked:.2f} s; with the roll-up by "
            f"{', '.join(KEYS)} {whole:.2f} s, {cpu:.2f} s of processor time; at most {peak_gigabytes():.2f} GB; "
            f"{len(inputs.faults)} faults, {int(rolled['lines'].sum()):,} lines accepted"
        )

        start = time.perf_counter()
        path = inputs.ledger
        assert path is not None
        print(f"checked lines written as int64-cents Parquet in {time.perf_counter() - start:.2f} s")

        def in_pandas() -> pd.DataFrame:
            frame = pd.read_parquet(path, columns=[*KEYS, "amount_cents"])
            return frame.groupby(KEYS, dropna=False)["amount_cents"].sum().reset_index()

        given = sources.read(folder)  # a ledger that is still read where it lies
        ours, written, peer = seconds(lambda: given.actuals(last), lambda: inputs.actuals(last), in_pandas)
        same = in_pandas()["amount_cents"].tolist() == rolled["amount_cents"].tolist()
        print(
            f"roll-up {ours[0]:.2f} s from the given file, {written[0]:.2f} s from the checked; pandas {peer[0]:.2f} s"
        )
        print(
            f"ratio pandas / ours {peer[0] / ours[0]:.1f} from the given file, {peer[0] / written[0]:.1f} from the "
            f"checked one, {peer[1] / ours[1]:.1f} in processor time; every sum the same to the cent: {same}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
