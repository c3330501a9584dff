"""Shared fixtures: where the project, its sample and the real data lie."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "real"


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def sample() -> Path:
    """The sample company's data folder."""
    return ROOT / "data" / "sample"


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real data; tests that need it are skipped where it is absent."""
    if not REAL.is_dir():
        pytest.skip(f"the real data is not beside this checkout ({REAL.name} is absent)")
    return REAL


@pytest.fixture
def run_python(root: Path):  # type: ignore[no-untyped-def]
    """Run a few statements in a fresh interpreter and return what they print."""

    def run(code: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(root / "src")}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
        return done.stdout.strip()

    return run
