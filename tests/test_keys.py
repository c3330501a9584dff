"""Keys: a job's key changes with all that its outputs depend on, and with nothing else that can be told apart.

A figure that is stale is worse than a job run in vain. So what READS says is proved on the notebooks' own code, and
what a site's key leaves out is proved not to move that site's results.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsanalytics import batch, boardpack, budget, results, sources
from opsanalytics.batch.planning.keys import Key, differences, keys
from opsanalytics.formats import ALL
from opsanalytics.schemas import NEEDS, READS, TABLES
from opsanalytics.sources import Inputs
from opsanalytics.sources.content import contents

PERIOD, SITE, OTHER = "2026-10", "Cork", "Galway"
VARIANCE, DEMAND, STAFFING, PACK = "01_budget_variance", "02_seasonal_demand", "03_staffing_forecast", "04_board_pack"
REPORTS = {"faults", "quarantine", "control", "files"}
_SERVED = f"(site = '{SITE}' AND service IN ('Parcels', 'Contacts')) OR (site = '{OTHER}' AND service = 'Pallets')"


@pytest.fixture(scope="module")
def company(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The sample company since July 2024, two sites and three services of it with demand since May 2026."""
    whole = sources.read(sample)
    store = tmp_path_factory.mktemp("company")
    (store / "all").mkdir()
    whole.save(store / "all")
    inputs = sources.load(store / "all")
    inputs = with_rows(inputs, store, "ledger", "FROM lines WHERE period >= '2024-07'")
    return with_rows(inputs, store, "demand", f"FROM lines WHERE ({_SERVED}) AND ds >= '2026-05-01'")


def with_rows(inputs: Inputs, store: Path, table: str, query: str) -> Inputs:
    """The same inputs with another large table, made from its rows, `lines`, in the folder `store`."""
    with duckdb.connect() as con:
        con.execute("CREATE TABLE lines AS " + f"SELECT * FROM '{inputs.store / table}.parquet'")
        con.execute(f"COPY ({query}) TO '{store / table}.parquet' (FORMAT parquet)")
    for other in {"ledger", "demand"} - {table}:
        if not (store / f"{other}.parquet").exists():
            shutil.copyfile(inputs.store / f"{other}.parquet", store / f"{other}.parquet")
    return dataclasses.replace(inputs, store=store)


@pytest.fixture(scope="module")
def notebooks(root: Path) -> dict[str, batch.Notebook]:
    """The notebooks by name."""
    return {notebook.name: notebook for notebook in batch.read_notebooks(root / "notebooks")}


@pytest.fixture(scope="module")
def known_variance(company: Inputs) -> budget.BudgetVariance:
    """The site's budget variance."""
    return results.variance(company, PERIOD, SITE)


def plan_of(inputs: Inputs, known: Mapping[str, batch.Notebook], **asked: Any) -> batch.Plan:
    """Plan a run of everything, or of what is asked for."""
    request = batch.Request(PERIOD, Path("data"), Path("runs"), Path("notebooks"), **asked)
    return batch.make_plan(request, tuple(known.values()), inputs)


def alone(inputs: Inputs, notebooks: Mapping[str, batch.Notebook], notebook: str, entity: str = SITE) -> Key:
    """The key of one job that needs no other."""
    whole = batch.Plan(PERIOD, (entity,), (notebook,), {}, (batch.Job(f"{notebook} {entity}", notebook, entity),))
    return keys(whole, notebooks, inputs)[f"{notebook} {entity}"]


class Known:
    """The company, the notebooks and the keys of a site's jobs, each by itself; with a short repr."""

    def __init__(self, company: Inputs, notebooks: Mapping[str, batch.Notebook]) -> None:
        self.company, self.notebooks = company, notebooks
        self.keys = {name: alone(company, notebooks, name) for name in (VARIANCE, DEMAND, STAFFING)}


@pytest.fixture(scope="module")
def known(company: Inputs, notebooks: dict[str, batch.Notebook]) -> Known:
    """What is known before a cell changes."""
    return Known(company, notebooks)


def changed(before: Key, after: Key) -> set[str]:
    """The parts in which two keys differ."""
    return {name for name in {**before.parts, **after.parts} if before.parts.get(name) != after.parts.get(name)}


# What READS says


class Watch(dict[str, pd.DataFrame]):
    """Tables that remember which of them were asked for."""

    asked: set[str]

    def __getitem__(self, name: str) -> pd.DataFrame:
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        self.asked |= set(TABLES)
        return super().__iter__()


class Watched(Inputs):
    """Inputs that remember in `tables.asked` every table and report that was asked for, and "prior"."""

    def __getattribute__(self, name: str) -> Any:
        if name in {*REPORTS, "ledger", "prior"}:
            object.__getattribute__(self, "tables").asked.add(name)
        return super().__getattribute__(name)

    def has(self, table: str) -> bool:
        self.tables.asked.add(table)  # type: ignore[attr-defined]  # a Watch
        return super().has(table)

    def _relation(self, table: str) -> str:
        self.tables.asked.add(table)  # type: ignore[attr-defined]
        return super()._relation(table)

    @cached_property
    def prior(self) -> Mapping[str, pd.DataFrame]:
        return {}


def watched(inputs: Inputs) -> Watched:
    """The same inputs, watched from now on."""
    tables = Watch(inputs.tables)
    tables.asked = set()
    fields = {field.name: getattr(inputs, field.name) for field in dataclasses.fields(inputs)}
    return Watched(**(fields | {"tables": tables}))


def asked_by(notebook: Path, inputs: Inputs, entity: str) -> set[str]:
    """What the cells of a notebook that say `inputs` ask for; without charts."""
    seen = watched(inputs)
    seen.tables.asked.clear()  # type: ignore[attr-defined]
    space: dict[str, Any] = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] != "code" or not ("inputs" in text or "import" in text or "run_dir: str" in text):
            continue
        exec(text, space)
        space |= {"period": PERIOD, "entity": entity, "run_dir": ""}
        space |= {"charts": SimpleNamespace(load=lambda: None), "sources": SimpleNamespace(read=lambda *_: seen)}
    return set(seen.tables.asked)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [VARIANCE, DEMAND, STAFFING])
def test_a_notebook_asks_for_no_table_and_no_report_that_its_key_does_not_hold(
    name: str, company: Inputs, notebooks: dict[str, batch.Notebook]
) -> None:
    asked = asked_by(notebooks[name].path, company, ALL)
    assert asked >= set(NEEDS[name])
    parts = {part.removeprefix("table ") for part in alone(company, notebooks, name, ALL).parts}
    assert asked <= parts


def test_the_pack_asks_for_no_table_that_its_key_does_not_hold(
    company: Inputs, notebooks: dict[str, batch.Notebook], known_variance: budget.BudgetVariance
) -> None:
    figures = results.figures(known_variance).assign(entity=ALL)
    seen = watched(company)
    boardpack.build(figures, seen, {}, PERIOD)
    boardpack.adds_up(figures, seen, PERIOD)
    parts = {part.removeprefix("table ") for part in alone(company, notebooks, PACK, ALL).parts}
    asked = set(seen.tables.asked)  # type: ignore[attr-defined]
    assert {"commentary", "sites", "files"} <= asked <= parts
    assert parts >= {table for tables in READS.values() for table in tables}  # it prints what the others found


# What a site's key leaves out


def shaken(frame: pd.DataFrame, rows: pd.Series) -> pd.DataFrame:
    """A frame of which half of these rows are gone and the others hold other numbers."""
    at = frame.index[rows.to_numpy(dtype=bool)]
    found = frame.copy()
    for name in frame.columns:
        if frame[name].dtype in ("float64", "int64", "Int64"):
            found.loc[at, name] = frame.loc[at, name] + 1
        elif frame[name].map(lambda cell: isinstance(cell, Decimal)).any():
            found.loc[at, name] = frame.loc[at, name].map(lambda cell: None if cell is None else cell + 1)
    return found.drop(at[::2]).reset_index(drop=True)


def of_another_site(inputs: Inputs, table: str) -> pd.Series:
    """Which rows of a table are about another site than SITE?"""
    frame, centres = inputs.tables[table], inputs.tables["cost_centres"]
    for column in ("site", "entity"):
        if column in frame:
            return frame[column].eq(OTHER)
    return frame["cost_centre"].isin(centres.loc[centres["site"] == OTHER, "cost_centre"])


def everything(result: Any) -> str:
    """All that a result holds, as one text."""
    fields = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    return "\n".join(f"{n} {v.to_csv() if isinstance(v, pd.DataFrame) else v!r}" for n, v in fields.items())


def staffed(inputs: Inputs) -> str:
    """All that a site's notebook of staffing finds."""
    found = results.staff_by_site(inputs, PERIOD, SITE)
    return everything(found[0]) + everything(results.queue_detail(inputs, found))


ANALYSES: Mapping[str, Callable[[Inputs], str]] = {
    VARIANCE: lambda inputs: everything(results.variance(inputs, PERIOD, SITE)),
    DEMAND: lambda inputs: (
        everything(results.forecast(inputs, PERIOD, SITE)) + everything(results.forecast_value(inputs, PERIOD, SITE))
    ),
    STAFFING: staffed,
}
CUT = {
    VARIANCE: ("control_totals", "drivers", "sales", "standard_costs", "payroll", "commentary"),
    DEMAND: ("events", "overrides"),
    STAFFING: ("budget", "events", "standards", "shrinkage", "opening_hours", "roster", "headcount"),
}
CUT_LARGE = {VARIANCE: ("demand",), DEMAND: ("demand", "ledger"), STAFFING: ("demand", "ledger")}


@pytest.mark.parametrize("name", [VARIANCE, DEMAND, STAFFING])
def test_rows_of_another_site_change_neither_the_key_of_a_site_nor_what_it_finds(
    name: str,
    company: Inputs,
    notebooks: dict[str, batch.Notebook],
    known_variance: budget.BudgetVariance,
    tmp_path: Path,
) -> None:
    tables = {table: shaken(company.tables[table], of_another_site(company, table)) for table in CUT[name]}
    if "events" in tables:
        own = {"ds": pd.Timestamp("2026-06-03"), "site": OTHER, "name": "Fair", "kind": "campaign", "known_ahead": True}
        tables["events"] = pd.concat([tables["events"], pd.DataFrame([own]).astype(tables["events"].dtypes)])
    assert all(len(tables[table]) != len(company.tables[table]) for table in tables)
    other = dataclasses.replace(company, tables={**company.tables, **tables})
    centres = company.tables["cost_centres"]
    codes = ", ".join(f"'{code}'" for code in centres.loc[centres["site"] == OTHER, "cost_centre"])
    for table, money, of in (
        ("demand", "y", f"site = '{OTHER}'"),
        ("ledger", "amount_cents", f"cost_centre IN ({codes})"),
    ):
        if table in CUT_LARGE[name]:
            (tmp_path / table).mkdir()
            query = f"SELECT * REPLACE (CASE WHEN {of} THEN {money} + 7 ELSE {money} END AS {money}) FROM lines"
            other = with_rows(other, tmp_path / table, table, query)
            assert contents(company, [table], {})[table].digest() != contents(other, [table], {})[table].digest()
    key, seen = alone(company, notebooks, name), watched(other)
    assert changed(key, alone(other, notebooks, name)) == set()
    assert ANALYSES[name](seen) == (everything(known_variance) if name == VARIANCE else ANALYSES[name](company))
    assert seen.tables.asked <= {part.removeprefix("table ") for part in key.parts}  # type: ignore[attr-defined]


def test_another_sites_ledger_moves_a_sites_outlook_and_so_its_key(
    company: Inputs, notebooks: dict[str, batch.Notebook], known_variance: budget.BudgetVariance, tmp_path: Path
) -> None:
    """The outlook learns from all sites how far each method is to be believed: the ledger cannot be cut."""
    other = with_rows(company, tmp_path, "ledger", "SELECT * REPLACE (CASE WHEN cost_centre IN (SELECT DISTINCT "
                      "cost_centre FROM lines ORDER BY 1 DESC LIMIT 3) AND period < '2025-07' THEN 3 * amount_cents "
                      "ELSE amount_cents END AS amount_cents) FROM lines")  # fmt: skip
    assert changed(alone(company, notebooks, VARIANCE), alone(other, notebooks, VARIANCE)) == {"table ledger"}
    before, after = known_variance, results.variance(other, PERIOD, SITE)
    assert before.amounts[before.amounts["scenario"] == "AC"].equals(after.amounts[after.amounts["scenario"] == "AC"])
    assert not before.outlook.equals(after.outlook)


def test_a_change_of_one_sites_demand_runs_that_sites_jobs_the_wholes_and_the_pack(
    company: Inputs, notebooks: dict[str, batch.Notebook], tmp_path: Path
) -> None:
    plan = plan_of(company, notebooks)
    query = f"SELECT * REPLACE (CASE WHEN site = '{OTHER}' THEN y + 1 ELSE y END AS y) FROM lines"
    before, after = (keys(plan, notebooks, one) for one in (company, with_rows(company, tmp_path, "demand", query)))
    entities = {job.entity for job in plan.active if before[job.id].digest != after[job.id].digest}
    assert entities == {OTHER, ALL}
    assert {job.id for job in plan.active if job.entity == OTHER} <= {i for i in before if before[i] != after[i]}
    assert differences(after[f"{STAFFING} {OTHER}"].parts, before[f"{STAFFING} {OTHER}"].parts) == (
        "demand changed",
        f"{DEMAND} of {OTHER} is another",
    )


# Cells


def other_cell(cell: Any) -> Any:
    """Another value of the kind of a cell; a missing one is filled where that can be done."""
    if isinstance(cell, bool | np.bool_):
        return not cell
    if cell is None or cell is pd.NA or cell is pd.NaT or cell != cell:
        return None
    return (
        cell + pd.Timedelta(days=1)
        if isinstance(cell, pd.Timestamp)
        else f"{cell}x"
        if isinstance(cell, str)
        else cell + 1
    )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([VARIANCE, DEMAND, STAFFING]),
    places=st.tuples(*[st.integers(min_value=0, max_value=10**6)] * 3),
)
def test_any_cell_of_a_sites_own_rows_changes_its_key(name: str, places: tuple[int, int, int], known: Known) -> None:
    company = known.company
    tables = [table for table in READS[name] if table in company.tables]
    table = tables[places[0] % len(tables)]
    frame, centres = company.tables[table], company.tables["cost_centres"]
    own = pd.Series(True, frame.index)
    if "site" in frame:
        own = frame["site"].isna() | frame["site"].eq(SITE)
    elif "entity" in frame:
        own = frame["entity"].isin([SITE, ALL])
    elif "cost_centre" in frame:
        own = frame["cost_centre"].isin(centres.loc[centres["site"] == SITE, "cost_centre"])
    at = int(frame.index[own.to_numpy()][places[1] % own.sum()])
    filled = [column for column in frame.columns if other_cell(frame[column].loc[at]) is not None]
    column = filled[places[2] % len(filled)]
    after = frame.copy()
    cells = list(frame[column])
    cells[list(frame.index).index(at)] = other_cell(frame[column].loc[at])
    after[column] = pd.Series(cells, index=frame.index, dtype=frame[column].dtype)
    other = dataclasses.replace(company, tables={**company.tables, table: after})
    found = changed(known.keys[name], alone(other, known.notebooks, name))
    assert f"table {table}" in found
    assert found == {f"table {table}"} or table == "cost_centres"  # which also says whose the other rows are


TEXTS = st.one_of(st.none(), st.text(st.sampled_from("a1|:- é\n"), max_size=3))
ROWS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=4)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=ROWS, second=ROWS)
def test_two_tables_have_the_same_content_just_when_they_have_the_same_rows(
    first: list[Any], second: list[Any], known: Known
) -> None:
    def content(rows: list[Any]) -> str:
        frame = pd.DataFrame(rows, columns=["service", "name", "unit"], dtype="str")
        return contents(dataclasses.replace(known.company, tables={"services": frame}), ["services"], {})[
            "services"
        ].digest()

    found = content(first)
    assert (found == content(second)) == (Counter(first) == Counter(second))
    assert found == content(first[::-1])


@pytest.mark.parametrize(
    ("table", "column", "first", "second"),
    [
        pytest.param("services", "unit", None, "", id="missing is not empty"),
        pytest.param("headcount", "hires", float("nan"), 0.0, id="missing is not zero"),
        pytest.param("commentary", "amount_cents", None, 0, id="missing is not no money"),
        pytest.param("headcount", "fte", 0.1 + 0.2, 0.3, id="the last bit of a number counts"),
    ],
)
def test_a_missing_cell_is_not_an_empty_one_nor_zero(
    table: str, column: str, first: Any, second: Any, company: Inputs
) -> None:
    frame = company.tables[table].head(3)
    found = set()
    for value in (first, second):
        cells = [value, *frame[column].iloc[1:]]
        changed = frame.assign(**{column: pd.Series(cells, index=frame.index, dtype=frame[column].dtype)})
        found.add(contents(dataclasses.replace(company, tables={table: changed}), [table], {})[table].digest())
    assert len(found) == 2


def test_the_content_of_parts_is_that_of_the_whole(company: Inputs) -> None:
    whole = contents(company, ["demand"], {})["demand"]
    parts = contents(company, ["demand"], {"demand": "site"})["demand"]
    assert parts.digest() == parts.digest([SITE, OTHER]) == whole.digest()
    assert len({parts.digest([SITE]), parts.digest([OTHER]), parts.digest([]), whole.digest()}) == 4


def test_the_form_of_a_file_and_the_order_of_its_rows_do_not_count(tmp_path: Path) -> None:
    lines = ["document,line,posted_on,period,cost_centre,account,amount,one_off"]
    lines += [f"D{n},1,2026-01-{n:02d},2026-01,C{n % 2},400,{n}.50,{'true' if n == 3 else ''}" for n in range(1, 9)]
    rest = {
        "accounts.csv": "account,name,type,pl_line,behaviour\n400,Sales,revenue,Sales,variable\n",
        "cost_centres.csv": "cost_centre,valid_from,name,department,site\n"
        "C0,2025-01-01,A,O,Cork\nC1,2025-01-01,B,O,Cork\n",
    }
    forms = {}
    for form in ("csv", "turned", "parquet"):
        folder = tmp_path / form
        folder.mkdir()
        for name, text in rest.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "ledger.csv").write_text("\n".join([lines[0], *lines[:0:-1]] if form == "turned" else lines) + "\n")
        if form == "parquet":
            with duckdb.connect() as con:
                con.execute(
                    f"COPY (SELECT * REPLACE (amount::DECIMAL(18, 2) AS amount, posted_on::DATE AS posted_on) FROM "
                    f"read_csv('{folder / 'ledger.csv'}', all_varchar = true)) TO '{folder / 'ledger.parquet'}'"
                )
            (folder / "ledger.csv").unlink()
        inputs = sources.read(folder)
        assert inputs.faults.empty
        forms[form] = contents(inputs, ["ledger"], {})["ledger"].digest()
    assert len(set(forms.values())) == 1


def test_saved_inputs_have_the_keys_of_those_read(
    sample: Path, notebooks: dict[str, batch.Notebook], tmp_path: Path
) -> None:
    read = sources.read(sample)
    read.save(tmp_path)
    plan = plan_of(read, notebooks)
    assert keys(plan, notebooks, sources.load(tmp_path)) == keys(plan, notebooks, read)


# Notebooks


def edited(notebook: batch.Notebook, folder: Path, edit: Callable[[dict[str, Any]], None]) -> dict[str, batch.Notebook]:
    """A notebook of the same name, edited."""
    content = json.loads(notebook.path.read_text(encoding="utf-8"))
    edit(content)
    (folder / notebook.path.name).write_text(json.dumps(content), encoding="utf-8")
    return {notebook.name: dataclasses.replace(notebook, path=folder / notebook.path.name)}


def code(text: str) -> Callable[[dict[str, Any]], None]:
    """Add a cell of code."""
    cell = {"cell_type": "code", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
    return lambda content: content["cells"].append(cell)


def run_before(content: dict[str, Any]) -> None:
    for number, cell in enumerate(content["cells"]):
        cell["metadata"]["collapsed"] = True
        if cell["cell_type"] == "code":
            cell |= {"execution_count": number, "outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}]}


def other_words(content: dict[str, Any]) -> None:
    content["cells"][0]["source"] = "# Another title"


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(run_before, set(), id="outputs, counts and other metadata do not count"),
        pytest.param(other_words, {"notebook"}, id="the text does, for the page shows it"),
        pytest.param(code("tables.show(tables.demand_table(forecast))"), {"notebook"}, id="and the code"),
    ],
)
def test_the_notebook_is_its_code_and_its_text(
    edit: Callable[[dict[str, Any]], None],
    expected: set[str],
    company: Inputs,
    notebooks: dict[str, batch.Notebook],
    tmp_path: Path,
) -> None:
    other = edited(notebooks[DEMAND], tmp_path, edit)
    assert changed(alone(company, notebooks, DEMAND), alone(company, other, DEMAND)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "inputs.tables['kpis']",
        "print(inputs)",
        "x = inputs\nx.ledger",
        "import pandas as pd\npd.read_csv(f'{data}/kpis.csv')",
        "open(data + '/kpis.csv')",
        "from opsanalytics import budget",
        "from opsanalytics.sources import load",
        "other = sources.read(data, '')\nother.tables",
        "results.variance(inputs, period, entity)",
        "ask = results.variance",
        "tables.checks.__builtins__",
        "getattr(inputs, 'led' + 'ger')",
        "%load_ext autoreload",
        "for inputs in [sources.read(data, run_dir)]:\n    print(inputs.ledger)",
    ],
)
def test_a_notebook_that_asks_for_more_depends_on_every_table_of_every_site(
    text: str, company: Inputs, notebooks: dict[str, batch.Notebook], tmp_path: Path
) -> None:
    few = dataclasses.replace(company, tables={"events": company.tables["events"]}, store=tmp_path)
    shutil.copyfile(company.store / "demand.parquet", tmp_path / "demand.parquet")
    parts = alone(few, edited(notebooks[DEMAND], tmp_path, code(text)), DEMAND).parts
    assert {f"table {name}" for name in (*TABLES, *REPORTS)} | {"prior"} <= set(parts)
    assert parts["table demand"] == contents(few, ["demand"], {})["demand"].digest()
    assert parts["table demand"] != alone(few, notebooks, DEMAND).parts["table demand"]


def test_a_notebook_that_reads_does_not_name_depends_on_every_table(
    company: Inputs, notebooks: dict[str, batch.Notebook]
) -> None:
    own = dataclasses.replace(notebooks[DEMAND], name="05_own")
    assert {f"table {name}" for name in TABLES} <= set(alone(company, {"05_own": own}, "05_own").parts)


# The rest of a key


def test_parameters_settings_and_what_the_run_before_left_are_parts_of_a_key(
    company: Inputs, notebooks: dict[str, batch.Notebook], tmp_path: Path
) -> None:
    plan = plan_of(company, notebooks, notebooks=("01",), entities=(SITE,))
    job = f"{VARIANCE} {SITE}"
    before = keys(plan, notebooks, company)[job]
    assert before == keys(plan, notebooks, company, tmp_path)[job]
    other = plan_of(company, notebooks, notebooks=("01",), entities=(SITE,), parameters=("one_offs=without",))
    assert changed(before, keys(other, notebooks, company)[job]) == {"parameters"}
    renamed = dataclasses.replace(company, settings=dataclasses.replace(company.settings, organisation="Other"))
    assert changed(before, keys(plan, notebooks, renamed)[job]) == {"settings"}
    (tmp_path / "run.parquet").write_bytes(b"1")
    first = keys(plan, notebooks, company, tmp_path)[job]
    (tmp_path / "run.parquet").write_bytes(b"2")
    second = keys(plan, notebooks, company, tmp_path)[job]
    assert changed(before, first) == changed(first, second) == {"prior"}


def test_the_packs_key_says_which_jobs_are_left_out(company: Inputs, notebooks: dict[str, batch.Notebook]) -> None:
    whole, part = plan_of(company, notebooks), plan_of(company, notebooks, entities=(SITE,))
    before, after = (keys(plan, notebooks, company)[f"{PACK} {ALL}"] for plan in (whole, part))
    assert "parameters" in changed(before, after)
    assert {f"need {job.id}" for job in whole.active if job.notebook != PACK} <= set(before.parts)


def test_what_differs_is_said_in_words() -> None:
    before = {"table demand": "1", "table roster": "absent", "table kpis": "1", "versions": "1", "need 02_a Cork": "1"}
    now = {"table demand": "2", "table roster": "2", "versions": "2", "notebook": "1", "need 02_a Dublin": "1"}
    assert differences(now, before) == (
        "the notebook changed",
        "demand changed",
        "kpis is not read any more",
        "roster is new",
        "02_a of Cork is not part of the run any more",
        "02_a of Dublin is needed now",
        "a library's version changed",
    )
    assert differences(now, now) == ()
    assert differences(now, {}) == ("it is not on record",)
