"""environment.yml, pyproject.toml and the lock name the same packages in the same ranges."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: The conda-forge name where it is not the one of the package index.
CONDA = {
    "duckdb": "python-duckdb",
    "jupyter-client": "jupyter_client",
    "jupyter-core": "jupyter_core",
    "matplotlib": "matplotlib-base",
}


@pytest.fixture(scope="module")
def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def locked(root: Path) -> dict[str, list[str]]:
    text = (root / "requirements.lock").read_text(encoding="utf-8")
    versions: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", text, flags=re.MULTILINE):
        versions.setdefault(canonicalize_name(name), []).append(version)
    return versions


def requirements(project: dict, *extras: str) -> list[Requirement]:
    texts = list(project["dependencies"])
    for extra in extras:
        texts += project["optional-dependencies"][extra]
    return [Requirement(text) for text in texts]


def test_conda_has_the_same_packages_and_ranges(root: Path, project: dict) -> None:
    lines = re.findall(r"^  - (\S+)(?: (\S+))?$", (root / "environment.yml").read_text(encoding="utf-8"), re.MULTILINE)
    conda = {name: ",".join(sorted(ranges.split(","))) for name, ranges in lines if ranges}
    expected = {
        CONDA.get(item.name, item.name): ",".join(sorted(str(item.specifier).split(",")))
        for item in requirements(project, "dev")
    }
    expected["python"] = ",".join(sorted(project["requires-python"].split(",")))
    assert conda == expected


def test_the_lock_pins_every_package_within_its_range(project: dict, locked: dict[str, list[str]]) -> None:
    for item in requirements(project, "dev", "models"):
        versions = locked[canonicalize_name(item.name)]
        assert all(item.specifier.contains(version) for version in versions), f"{item} is locked at {versions}"


def test_every_pin_is_hashed_and_no_registry_is_named(root: Path) -> None:
    text = (root / "requirements.lock").read_text(encoding="utf-8")
    pins = re.split(r"^(?=[A-Za-z])", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in pin for pin in pins)
    assert "://" not in text
    assert not re.search(r"^-", text, flags=re.MULTILINE)


def test_forecasting_models_work_with_this_pandas() -> None:
    """statsforecast's metadata caps pandas below 3; the lock overrides it, so its use is held here."""
    import numpy as np
    from statsforecast.models import SeasonalNaive

    history = np.arange(24, dtype=float)
    assert SeasonalNaive(season_length=12).forecast(history, 3)["mean"].tolist() == [12.0, 13.0, 14.0]
