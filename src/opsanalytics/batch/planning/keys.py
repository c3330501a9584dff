"""Keys: what a job is a function of, so that what is on record already is not run again.

A job's key has a part for everything that its outputs depend on: its notebook's text and code, its parameters, the
settings, the content of each table that it reads, what is kept of the run before, the keys of the jobs that it needs,
the package's code and the versions of the libraries. It is known before anything runs. Where in doubt a part holds too
much: a job that runs in vain costs seconds, a stale figure costs more.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opsanalytics.batch.folder.files import beside, hashes
from opsanalytics.batch.folder.manifest import versions
from opsanalytics.batch.planning.notebooks import PACK
from opsanalytics.formats import ALL, UNASSIGNED
from opsanalytics.schemas import READS, TABLES

if TYPE_CHECKING:
    from opsanalytics.batch.planning.notebooks import Notebook
    from opsanalytics.batch.planning.plan import Job, Plan
    from opsanalytics.sources import Inputs
    from opsanalytics.sources.content import Content

ABSENT = "absent"
_VARIANCE, _DEMAND, _STAFFING = "01_budget_variance", "02_seasonal_demand", "03_staffing_forecast"

#: The tables that place a row in the company. A site's job depends on all of their rows.
_PLACES = ("accounts", "cost_centres", "sites", "services")

#: The tables of which a site's job reads other sites' rows. The outlook learns from all sites how far each of its
#: methods is to be believed, and a ledger line is unusual by what all of them post to its account.
_COMPANY_WIDE: Mapping[str, tuple[str, ...]] = MappingProxyType({_VARIANCE: ("ledger", "budget")})

#: The reports on what was read that a notebook shows, in whole.
_REPORTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        _VARIANCE: ("faults", "quarantine", "control"),
        _DEMAND: ("faults",),
        _STAFFING: ("faults",),
        PACK: ("faults", "quarantine", "control", "files"),
    }
)
_PRIOR = (_VARIANCE, _DEMAND, PACK)
_EVERYTHING = (*TABLES, "faults", "quarantine", "control", "files")

#: What a notebook may ask for and still read no other table than READS says; one that asks for more depends on all.
_ASKS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        _VARIANCE: frozenset({"sources.read", "results.variance", "results.save", "inputs.control", "inputs.settings"}),
        _DEMAND: frozenset(
            {"sources.read", "results.forecast", "results.forecast_value", "results.save", "inputs.settings"}
        ),
        _STAFFING: frozenset(
            {
                *("sources.read", "results.staff", "results.staff_by_site", "results.queue_detail", "results.save"),
                "inputs.settings",
            }
        ),
        PACK: frozenset(
            {
                *("sources.read", "results.collect", "inputs.settings"),
                *("boardpack.build", "boardpack.read_plan", "boardpack.adds_up", "boardpack.save"),
            }
        ),
    }
)
_WATCHED = ("sources", "results", "boardpack", "inputs")
_MODULES = {"boardpack", "charts", "demand", "results", "sources", "tables"}
_OTHER_WAYS = {
    *("__import__", "compile", "delattr", "eval", "exec", "get_ipython", "getattr", "globals", "locals", "open"),
    *("setattr", "vars"),
}


@dataclasses.dataclass(frozen=True)
class Key:
    """What a job is a function of: the hash of each part by its name, and `digest`, the SHA-256 of all of them."""

    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """The job's key: the same parts have the same one."""
        return _hash(sorted(self.parts.items()))


def keys(plan: Plan, notebooks: Mapping[str, Notebook], inputs: Inputs, prior: Path | None = None) -> dict[str, Key]:
    """What is each job of a plan that runs a function of? By the job's id.

    `notebooks` by name; `prior` is the folder of what is kept of the run before (inputs/prior), which need not exist.
    """
    found: dict[str, Key] = {}
    common = {
        "settings": _hash(dataclasses.asdict(inputs.settings)),
        "code": code_hash(),
        "versions": _hash(versions()),
    }
    documents = {name: _cells(notebooks[name].path) for name in {job.notebook for job in plan.active}}
    reads = {name: _read_by(name, cells) for name, cells in documents.items()}
    tables, before = _Tables(inputs, {table for names in reads.values() for table in names}), _folder_hash(prior)
    for job in plan.active:  # each comes after its needs
        known = reads[job.notebook] != _EVERYTHING
        text: list[Any] = [documents[job.notebook]]
        if not known:  # it may use code and data that lie beside it
            folder = notebooks[job.notebook].path.parent
            text.append(hashes(folder, beside(folder)))
        parts = common | {"notebook": _hash(text), "parameters": _hash(_parameters(job, plan))}
        parts |= tables.of(job, reads[job.notebook], whole=not known or job.notebook == PACK)
        if not known or job.notebook in _PRIOR:
            parts["prior"] = before
        parts |= {f"need {need}": found[need].digest for need in job.needs}
        found[job.id] = Key(MappingProxyType(dict(sorted(parts.items()))))
    return found


def _parameters(job: Job, plan: Plan) -> dict[str, Any]:
    """Return what is injected into a job's notebook, but for the places; for the pack also what the plan leaves out."""
    given = {"period": plan.period, "entity": job.entity, **job.parameters}
    if job.notebook != PACK:
        return {"notebook": job.notebook, **given}
    jobs = sorted((other.id, other.off) for other in plan.jobs)
    return {"notebook": job.notebook, **given, "jobs": jobs, "folders": dict(plan.folders)}


class _Tables:
    """The content of tables and reports, each gone through once, and the part of it that a job depends on."""

    def __init__(self, inputs: Inputs, names: Collection[str]) -> None:
        from opsanalytics.sources.content import contents

        self._by = {name: column for name in TABLES if (column := _column(name))}
        self._contents: Mapping[str, Content] = contents(inputs, names, self._by)
        self._centres = _centres_by_site(inputs)

    def of(self, job: Job, names: Collection[str], *, whole: bool) -> dict[str, str]:
        """Return the parts of the tables that a job reads, cut to its entity unless they are to be `whole`."""
        parts = {}
        for name in names:
            wide = whole or job.entity == ALL or name in _COMPANY_WIDE.get(job.notebook, ())
            content, rows = self._contents.get(name), None if wide else self._rows(name, job.entity)
            parts[f"table {name}"] = ABSENT if content is None else content.digest(rows)
        return parts

    def _rows(self, name: str, entity: str) -> Collection[str | None] | None:
        """Return the cells by which a table's rows are about an entity, or about none; None for every row."""
        column = self._by.get(name, "")
        if column == "cost_centre":
            return None if self._centres is None else self._centres.get(entity, set())
        about: dict[str, tuple[str | None, ...]] = {
            "site": (entity, UNASSIGNED, None),
            "entity": (entity, UNASSIGNED, ALL, None),
        }
        return about.get(column)


def _column(table: str) -> str:
    """Return the column that says which site a row of a table is about; empty where none does."""
    held = {column.name for column in TABLES[table].columns}
    return "" if table in _PLACES else next((name for name in ("site", "entity", "cost_centre") if name in held), "")


def _centres_by_site(inputs: Inputs) -> Mapping[str, set[str | None]] | None:
    """Return the cost centres that each site has had at any time; None where no table says it."""
    if "cost_centres" not in inputs.tables:
        return None
    centres, found = inputs.tables["cost_centres"], dict[str, set[str | None]]()
    for centre, site in centres[["cost_centre", "site"]].drop_duplicates().itertuples(index=False, name=None):
        own = found.setdefault(site if isinstance(site, str) else UNASSIGNED, set())
        own |= {centre} if isinstance(centre, str) and centre != UNASSIGNED else {UNASSIGNED, None}
    return found


# What a notebook says, and what it reads


def _cells(path: Path) -> list[tuple[str, str, list[str]]]:
    """Return type, text and tags of each cell of a notebook that has a text: what its outputs are a function of."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    found = []
    for cell in cells:
        source = cell.get("source", "")
        text = source if isinstance(source, str) else "".join(source)
        found.append((str(cell.get("cell_type")), text, sorted(cell.get("metadata", {}).get("tags", []))))
    return [cell for cell in found if cell[1].strip()]


def _read_by(notebook: str, cells: list[tuple[str, str, list[str]]]) -> tuple[str, ...]:
    """Which tables and reports does a notebook read?

    Those that READS says, where its code gets at the data only through the analyses that it is known for. An analyst
    who adds a look at another table to it has a notebook that depends on every table, as one that READS does not name.
    """
    if notebook not in READS:
        return _EVERYTHING
    try:
        trees = [ast.parse(text) for kind, text, _ in cells if kind == "code"]
    except (SyntaxError, ValueError):  # a magic of IPython
        return _EVERYTHING
    if any(_goes_beyond(tree, _ASKS[notebook]) for tree in trees):
        return _EVERYTHING
    return (*READS[notebook], *_REPORTS[notebook])


def _goes_beyond(tree: ast.Module, asks: frozenset[str]) -> bool:
    """May a cell's code read more than the names in `asks` do?"""
    nodes, fine = list(ast.walk(tree)), set[ast.AST]()
    for node in nodes:
        if isinstance(node, ast.Attribute) and ast.unparse(node) in asks:
            fine.add(node.value)
        elif isinstance(node, ast.Call) and _is_analysis(node.func):
            fine |= {*node.args, *(keyword.value for keyword in node.keywords)}
        elif isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == ["inputs"]:
            fine |= {node.value, node.targets[0]}
    return any(_is_other_way(node, fine) for node in nodes)


def _is_analysis(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and ast.unparse(function.value) in ("results", "tables", "boardpack")


def _is_other_way(node: ast.AST, fine: set[ast.AST]) -> bool:
    """Is this a way to the data other than those that are fine?"""
    if isinstance(node, ast.Name):
        return node.id in _OTHER_WAYS or (node.id in _WATCHED and node not in fine)
    if isinstance(node, ast.Attribute):
        return node.attr.startswith("_")
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) == "sources.read" and node not in fine
    return isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not _is_own(node))


def _is_own(node: ast.ImportFrom) -> bool:
    return node.module == "opsanalytics" and all(name.name in _MODULES and not name.asname for name in node.names)


# Hashes


@cache
def code_hash() -> str:
    """Return the hash of the package's own sources and templates."""
    package = Path(__file__).resolve().parents[2]
    return _folder_hash(package, leave_out=("__pycache__", "notebooks"))


def _folder_hash(folder: Path | None, leave_out: tuple[str, ...] = ()) -> str:
    """Return the hash of the files of a folder, each by its path in it; ABSENT where there are none."""
    if folder is None or not folder.is_dir():
        return ABSENT
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    kept = {name: path for name, path in files.items() if not set(leave_out) & set(name.split("/"))}
    found = [(name, hashlib.sha256(path.read_bytes()).hexdigest()) for name, path in sorted(kept.items())]
    return _hash(found) if found else ABSENT


def _hash(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=_plain)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else repr(value)


# In words

_CHANGED: Mapping[str, str] = MappingProxyType(
    {
        "notebook": "the notebook changed",
        "parameters": "the parameters changed",
        "settings": "the settings changed",
        "prior": "what the run before left changed",
        "code": "the package's code changed",
        "versions": "a library's version changed",
    }
)
_READ: Mapping[str, str] = MappingProxyType(
    {
        "faults": "the faults in the data changed",
        "quarantine": "the rows in quarantine changed",
        "control": "the control totals came out differently",
        "files": "the files changed",
    }
)


def differences(now: Mapping[str, str], before: Mapping[str, str]) -> tuple[str, ...]:
    """What of a job is not what it was? In words, as in "demand changed"; nothing where all parts are the same.

    Both are the parts of a key, `before` empty for a job that is not on record.
    """
    if not before:
        return ("it is not on record",)
    changed = [name for name in {**now, **before} if now.get(name) != before.get(name)]
    first = [name for name in ("notebook", "parameters", "settings") if name in changed]
    read = sorted(name for name in changed if name.startswith("table "))
    needs = sorted(name for name in changed if name.startswith("need "))
    last = [name for name in changed if name not in {*first, *read, *needs}]
    words = [_CHANGED[name] for name in first]
    words += [_of_table(name, now.get(name), before.get(name)) for name in read]
    words += [_of_need(name, now.get(name), before.get(name)) for name in needs]
    return (*words, *(_CHANGED.get(name, f"{name} changed") for name in last))


def _of_table(part: str, now: str | None, before: str | None) -> str:
    name = part.removeprefix("table ")
    if name in _READ:
        return _READ[name]
    if ABSENT in (now, before):
        return f"{name} {'is new' if before == ABSENT else 'is gone'}"
    return f"{name} {'is read now' if before is None else 'is not read any more' if now is None else 'changed'}"


def _of_need(part: str, now: str | None, before: str | None) -> str:
    notebook, _, entity = part.removeprefix("need ").partition(" ")
    end = "is needed now" if before is None else "is not part of the run any more" if now is None else "is another"
    return f"{notebook} of {entity} {end}"
