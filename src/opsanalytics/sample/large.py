"""The large ledger: the sample's own ledger with each line split into many, as Parquet.

A line becomes as many lines as are needed, whose amounts sum to it to the cent. So the control
totals' amounts, the budgets and the comments of the sample hold for the large ledger as they are;
only the numbers of lines in the control totals differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from opsanalytics.sample.draws import Draws, Integers
from opsanalytics.sample.ledger import Line

Progress = Callable[[int, int, str], object]
_BATCH = 1_000_000


def copies_of(lines: int, wanted: int) -> list[int]:
    """Return into how many lines each line is split so that there are `wanted` in all.

    Raises ValueError when fewer lines are wanted than the sample has.
    """
    if wanted < lines:
        raise ValueError(
            f"The sample's ledger has {lines} lines of its own: ask for {lines} or more, or leave the number out."
        )
    each, rest = divmod(wanted, lines)
    return [each + (place < rest) for place in range(lines)]


def write_large_ledger(
    path: Path, lines: Sequence[Line], wanted: int, seed: int, progress: Progress | None = None
) -> None:
    """Write `wanted` ledger lines to a Parquet file, a batch of whole splittings at a time.

    Codes and periods are text, `posted_on` a date, `amount` DECIMAL(18, 2); memory is bounded by the batch.
    """
    import pyarrow.parquet as pq

    copies_of(len(lines), wanted)
    each, rest = divmod(wanted, len(lines))
    splits = each + (rest > 0)
    weights = np.concatenate([[0], np.cumsum(Draws(seed, "large ledger").between(500, 1500, splits))]).astype(np.int64)
    schema, done, at_once = _schema(), 0, max(1, _BATCH // len(lines))
    columns = _columns(lines)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for first in range(0, splits, at_once):
            for split in range(first, min(first + at_once, splits)):
                count = len(lines) if split < each else rest
                writer.write_table(_part(columns, schema, weights, split, count, each, rest), row_group_size=count)
                done += count
            if progress is not None:
                progress(done, wanted, f"ledger.parquet: {done:,} of {wanted:,} lines")


def _schema() -> Any:
    import pyarrow as pa

    texts = [(name, pa.string()) for name in ("document", "line")]
    return pa.schema([
        *texts, ("posted_on", pa.date32()), *((name, pa.string()) for name in ("period", "cost_centre", "account")),
        ("amount", pa.decimal128(18, 2)), ("currency", pa.string()), ("text", pa.string()), ("one_off", pa.bool_()),
    ])  # fmt: skip


def _columns(lines: Sequence[Line]) -> dict[str, Any]:
    import pyarrow as pa

    return {
        "document": pa.array([line.document for line in lines]),
        "line": pa.array([str(line.line) for line in lines]),
        "posted_on": pa.array([line.posted_on for line in lines]),
        "period": pa.array([line.period for line in lines]),
        "cost_centre": pa.array([line.cost_centre for line in lines]),
        "account": pa.array([line.account for line in lines]),
        "cents": np.array([line.cents for line in lines], dtype=np.int64),
        "currency": pa.array(["EUR"] * len(lines)),
        "text": pa.array([line.text for line in lines]),
        "one_off": pa.array([line.one_off for line in lines]),
    }


def _part(columns: dict[str, Any], schema: Any, weights: Integers, split: int, count: int, each: int, rest: int) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    arrays = []
    for name in schema.names:
        if name == "amount":
            arrays.append(_decimals(_share(columns["cents"], weights, split, each, rest)[:count]))
        elif name == "document":
            arrays.append(pc.binary_join_element_wise(columns[name].slice(0, count), pa.scalar(str(split + 1)), "-"))
        else:
            arrays.append(columns[name].slice(0, count))
    return pa.table(arrays, schema=schema)


def _share(cents: Integers, weights: Integers, split: int, each: int, rest: int) -> Integers:
    """Return the cents of one splitting; the first `rest` lines have one splitting more than the others.

    Cut points are rounded towards zero, so that an accrual and its reversal are cut alike.
    """
    last = np.where(np.arange(len(cents)) < rest, each + (rest > 0), each)
    whole = weights[last]
    cut = [np.abs(cents) * np.minimum(weights[k], whole) // whole for k in (split, split + 1)]
    shares: Integers = np.sign(cents) * (cut[1] - cut[0])
    return shares


def _decimals(cents: Integers) -> Any:
    """Return cents as DECIMAL(18, 2): the 64 bits widened to 128 by their sign, the point moved by declaration."""
    import pyarrow as pa

    wide = np.empty((len(cents), 2), dtype="<i8")
    wide[:, 0], wide[:, 1] = cents, cents >> 63
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(cents), [None, pa.py_buffer(wide.tobytes())])
