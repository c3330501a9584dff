"""Every published or independently computed case in tests/cases, through one adapter for each group.

The environment variable OPSANALYTICS_CASES names another folder of such files. An adapter only
translates a case's words into calls of public functions; the values compared are the package's own.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import adapters_budget
import adapters_costing
import adapters_drivers
import adapters_restatement
import adapters_staffing

FOLDER = Path(os.environ.get("OPSANALYTICS_CASES") or Path(__file__).parent / "cases")
ADAPTERS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    **adapters_budget.ADAPTERS,
    **adapters_costing.ADAPTERS,
    **adapters_drivers.ADAPTERS,
    **adapters_restatement.ADAPTERS,
    **adapters_staffing.ADAPTERS,
}
OUT_OF_SCOPE = {"roster_benchmark": "personal rosters are out of scope: staffing covers shifts, it names no people"}


def cases() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8"))["cases"]:
            found.append(pytest.param(case, id=f"{path.stem}-{case['id']}"))
    return found


def tolerance_of(tolerance: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A case states one tolerance, or one for each of its values."""
    return tolerance[name] if isinstance(tolerance.get(name), Mapping) else tolerance


def differences(expected: Any, found: Any, tolerance: Mapping[str, Any], where: str = "") -> list[str]:
    """Say where `found` is not `expected` within the case's tolerance, value by value."""
    if isinstance(expected, Mapping):
        missing = [
            f"{where}.{name} is missing" for name in expected if not isinstance(found, Mapping) or name not in found
        ]
        return missing or [
            line
            for name, value in expected.items()
            for line in differences(value, found[name], tolerance_of(tolerance, name), f"{where}.{name}")
        ]
    if isinstance(expected, list):
        if len(found) != len(expected):
            return [f"{where} has {len(found)} values, not {len(expected)}"]
        pairs = enumerate(zip(expected, found, strict=True))
        return [line for k, (e, f) in pairs for line in differences(e, f, tolerance, f"{where}[{k}]")]
    if isinstance(expected, int | float) and not isinstance(expected, bool) and not tolerance.get("exact"):
        close = isinstance(found, int | float) and (
            found == expected
            or math.isclose(found, expected, rel_tol=tolerance.get("rel", 0.0), abs_tol=tolerance.get("abs", 0.0))
        )
        return [] if close else [f"{where} is {found!r}, not {expected!r}"]
    return [] if found == expected else [f"{where} is {found!r}, not {expected!r}"]


@pytest.mark.parametrize("case", cases())
def test_reference_case(case: dict[str, Any]) -> None:
    group = case["group"]
    if group in OUT_OF_SCOPE:
        pytest.skip(OUT_OF_SCOPE[group])
    assert group in ADAPTERS, f"no adapter for the group {group}: add one, or fix the case"
    found = differences(case["expected"], ADAPTERS[group](case["inputs"]), case["tolerance"])
    assert not found, "\n".join([*found, f"source: {case['source']}"])


def test_a_value_outside_its_tolerance_is_named() -> None:
    assert differences({"a": [1.0, 2.0]}, {"a": [1.0, 2.1]}, {"abs": 0.05}) == [".a[1] is 2.1, not 2.0"]
    assert differences({"a": 1}, {}, {"exact": True}) == [".a is missing"]
