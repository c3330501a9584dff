"""The codebook is complete: every table, column, rule and setting stands in docs/data.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from opsanalytics.schemas import TABLES


@pytest.fixture(scope="module")
def codebook(root: Path) -> dict[str, str]:
    """The text below each table's head."""
    text = (root / "docs" / "data.md").read_text(encoding="utf-8")
    parts = re.split(r"^### (\w+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_table_stands_in_the_codebook_and_no_other(codebook: dict[str, str]) -> None:
    assert list(codebook) == list(TABLES)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_column_stands_in_the_codebook_with_its_unit(table, codebook: dict[str, str]) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)\|$", codebook[table.name].split("\n## ")[0], flags=re.MULTILINE))
    assert list(rows) == [column.name for column in table.columns]
    for column in table.columns:
        assert column.unit in rows[column.name]
        assert all(f"`{choice}`" in rows[column.name] for choice in column.choices)


def test_links_between_pages_lead_somewhere(root: Path) -> None:
    pages = [*root.glob("*.md"), *root.glob("docs/**/*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"
