"""The plan: which notebook runs for which entity, after which others, and what is off and why.

A plan is a value, made from the request and the checked data before any kernel starts: it can
be printed, compared and kept in the run's manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsanalytics.batch.planning.notebooks import PACK, Notebook, RequestError, find, settings_of
from opsanalytics.formats import ALL, nearest, slugs
from opsanalytics.periods import parse_month
from opsanalytics.schemas import NEEDS

if TYPE_CHECKING:
    from opsanalytics.sources import Inputs

VARIANCE, DEMAND, STAFFING = "01_budget_variance", "02_seasonal_demand", "03_staffing_forecast"
NOT_ASKED = "not asked for"

_RESERVED = ("inputs", "results")
_TABLE_WORDS = {"standards": "staffing standards", "accounts": "accounts", "cost_centres": "cost centres"}


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line; empty `notebooks` and `entities` mean all of them.

    `deadline_s` is how long one notebook may take, `attempts` how often one is tried whose process dies, `engine` how
    kernels start (see workers), and `force` says that nothing on record is used. `scheduler` is the address of the Dask
    scheduler whose workers do the jobs; empty: they are done here, `jobs` at a time.
    """

    period: str
    data: Path
    runs: Path
    folder: Path
    notebooks: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    jobs: int = 0
    force: bool = False
    engine: str = "forked"
    deadline_s: float = 3600.0
    attempts: int = 2
    scheduler: str = ""


@dataclass(frozen=True)
class Job:
    """One notebook for one entity.

    `needs` are the ids of jobs that come before it; `off` is why it does not run (empty: it runs).
    `parameters` are those beyond period, entity, data and run_dir.
    """

    id: str
    notebook: str
    entity: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    off: str = ""

    @property
    def label(self) -> str:
        """The job as a person would name it."""
        return self.notebook if self.entity == ALL and self.notebook == PACK else f"{self.notebook} · {self.entity}"


@dataclass(frozen=True)
class Plan:
    """The jobs of a run in the order in which they may start; `folders` maps each entity to its folder."""

    period: str
    entities: tuple[str, ...]
    notebooks: tuple[str, ...]
    folders: Mapping[str, str]
    jobs: tuple[Job, ...]

    @property
    def active(self) -> tuple[Job, ...]:
        """The jobs that run."""
        return tuple(job for job in self.jobs if not job.off)

    @property
    def off(self) -> list[dict[str, str]]:
        """What the data do not allow, and why: once for a whole notebook (entity ""), else for the entity."""
        found: list[dict[str, str]] = []
        for notebook in dict.fromkeys(job.notebook for job in self.jobs):
            jobs = [job for job in self.jobs if job.notebook == notebook]
            off = [job for job in jobs if job.off and job.off != NOT_ASKED]
            if len(off) == len(jobs) and len({job.off for job in off}) == 1:
                found.append({"notebook": notebook, "entity": "", "reason": off[0].off})
            else:
                found += [{"notebook": notebook, "entity": job.entity, "reason": job.off} for job in off]
        return found


def off_sentence(off: Mapping[str, str]) -> str:
    """Say what is off, for example "budget variance is off: no ledger"."""
    name = off["notebook"].partition("_")[2].replace("_", " ")
    where = f" for {off['entity']}" if off["entity"] else ""
    return f"{name} is off{where}: {off['reason']}"


def make_plan(request: Request, notebooks: tuple[Notebook, ...], inputs: Inputs) -> Plan:
    """Plan a run. Raises RequestError for anything asked for that there is not, or when all is off."""
    refuse_period(request.period, inputs)
    chosen = {find(name, notebooks).name for name in request.notebooks} or {n.name for n in notebooks}
    parameters = settings_of(request.parameters, tuple(n for n in notebooks if n.name in chosen))
    names = inputs.entities()
    entities = _entities(request.entities, names)
    reasons = _reasons(request.period, inputs, notebooks, _run_entities(names))
    drafts = []
    for notebook in notebooks:
        for entity in [ALL] if notebook.name == PACK else _run_entities(names):
            asked = notebook.name in chosen and (entity in entities or notebook.name == PACK)
            off = reasons.get((notebook.name, entity), "") or ("" if asked else NOT_ASKED)
            drafts.append(
                Job(job_id(notebook.name, entity), notebook.name, entity, parameters.get(notebook.name, {}), (), off)
            )
    jobs = _ordered(_with_needs(drafts, _staffing_drives(inputs)))
    plan = Plan(request.period, tuple(entities), tuple(sorted(chosen)), _folders(names), jobs)
    if all(job.off or job.notebook == PACK for job in jobs) and PACK not in _asked_alone(request, notebooks):
        raise RequestError(_nothing_on(plan))
    return plan


def job_id(notebook: str, entity: str) -> str:
    """Name a job: one text for one notebook and entity."""
    return f"{notebook} {entity}"


def _run_entities(names: list[str]) -> list[str]:
    """Return the entities that have notebooks of their own: with one site only that site's."""
    sites = [name for name in names if name != ALL]
    return sites if len(sites) == 1 else [*sites, ALL]


def _folders(names: list[str]) -> dict[str, str]:
    """Return each entity's folder; one that would bear the name of a folder of the run itself gets a hash."""
    reserved = [f"\0{name}" for name in _RESERVED]
    return {name: folder for name, folder in slugs([*names, *reserved]).items() if name not in reserved}


def _entities(asked: tuple[str, ...], names: list[str]) -> list[str]:
    running = _run_entities(names)
    if not asked:
        return running
    for name in asked:
        if name not in names:
            raise RequestError(
                f"There is no entity '{name}'. The nearest is {nearest(name, names)}; there are {', '.join(names)}."
            )
    return [name for name in running if name in asked or (ALL in asked and len(running) == 1)]


def refuse_period(period: str, inputs: Inputs) -> None:
    """Raise RequestError unless some table holds data of `period`, naming the months held."""
    try:
        parse_month(period)
    except ValueError as error:
        raise RequestError(str(error)) from None
    held = sorted(
        {month for table in ("ledger", "demand") if inputs.has(table) for month in inputs.periods_with(table)}
    )
    if period in held:
        return
    if not held:
        raise RequestError("The data folder holds neither a ledger nor demand: put ledger.csv or demand.csv into it.")
    near = _nearest_month(period, held)
    raise RequestError(f"There is no data for {period}. The data hold {held[0]} to {held[-1]}; the nearest is {near}.")


def _nearest_month(period: str, held: list[str]) -> str:
    def number(month: str) -> int:
        return int(month[:4]) * 12 + int(month[5:7])

    return min(held, key=lambda month: (abs(number(month) - number(period)), month))


def _reasons(
    period: str, inputs: Inputs, notebooks: tuple[Notebook, ...], entities: list[str]
) -> dict[tuple[str, str], str]:
    """Say for each notebook and entity why it cannot run; those that can have no entry."""
    found: dict[tuple[str, str], str] = {}
    for notebook in notebooks:
        missing = [_TABLE_WORDS.get(table, table) for table in NEEDS.get(notebook.name, ()) if not inputs.has(table)]
        if missing:
            words = " or ".join([part for part in (", ".join(missing[:-1]), missing[-1]) if part])
            found |= {(notebook.name, entity): f"no {words}" for entity in entities}
    sites = [entity for entity in entities if entity != ALL]
    served = set(inputs.served(period))
    for name, holders, what in (
        (VARIANCE, _sites_with_lines(period, inputs), "no ledger lines up to the month"),
        (DEMAND, {site for site, _ in served}, "no demand up to the month"),
        (STAFFING, _sites_with_standards(served, inputs), "no demand with a staffing standard"),
    ):
        if any(key[0] == name for key in found):
            continue
        found |= {(name, site): what for site in sites if site not in holders}
        if not holders:
            found[(name, ALL)] = what
    return found


def _sites_with_lines(period: str, inputs: Inputs) -> set[str]:
    """Return the sites whose cost centres have ledger lines, and "(all)" where there are lines at all."""
    if not (inputs.has("ledger") and inputs.has("cost_centres")):
        return set()
    centres, used = inputs.tables["cost_centres"], set(inputs.actuals(period)["cost_centre"])
    sites = set(centres.loc[centres["cost_centre"].isin(used), "site"].dropna()) if "site" in centres.columns else set()
    return sites | ({ALL} if used else set())


def _sites_with_standards(served: set[tuple[str, str]], inputs: Inputs) -> set[str]:
    if not inputs.has("standards"):
        return set()
    standards = inputs.tables["standards"][["site", "service"]].drop_duplicates()
    return {site for site, _ in served & set(standards.itertuples(index=False, name=None))}


def _staffing_drives(inputs: Inputs) -> bool:
    """Does the staff cost of 03 drive an account of the budget?"""
    if not inputs.has("accounts") or "driver" not in inputs.tables["accounts"].columns:
        return False
    return bool(inputs.tables["accounts"]["driver"].eq("staffing").any())


def _with_needs(jobs: list[Job], staffing_drives: bool) -> list[Job]:
    """Give each job the ids of the running jobs that come before it."""
    running = [job for job in jobs if not job.off]
    linked = []
    for job in jobs:
        needs = [] if job.off else [other.id for other in running if _comes_before(other, job, staffing_drives)]
        linked.append(Job(job.id, job.notebook, job.entity, job.parameters, tuple(needs), job.off))
    return linked


def _comes_before(other: Job, job: Job, staffing_drives: bool) -> bool:
    if job.notebook == PACK:
        return other.notebook != PACK
    same_entity = other.entity == job.entity
    if job.notebook in (DEMAND, STAFFING) and job.entity == ALL and other.notebook == job.notebook:
        return other.entity != ALL
    if job.notebook == STAFFING:
        return other.notebook == DEMAND and same_entity
    return job.notebook == VARIANCE and staffing_drives and other.notebook == STAFFING and same_entity


def _ordered(jobs: list[Job]) -> tuple[Job, ...]:
    """Order the jobs so that each comes after its needs and the longest chains start first."""
    followers: dict[str, list[str]] = {job.id: [] for job in jobs}
    for job in jobs:
        for need in job.needs:
            followers[need].append(job.id)

    def height(name: str) -> int:
        return 1 + max((height(follower) for follower in followers[name]), default=0)

    return tuple(sorted(jobs, key=lambda job: (-height(job.id), job.notebook, job.entity)))


def _asked_alone(request: Request, notebooks: tuple[Notebook, ...]) -> set[str]:
    names = {find(name, notebooks).name for name in request.notebooks}
    return names if names == {PACK} else set()


def _nothing_on(plan: Plan) -> str:
    said = "; ".join(off_sentence(off) for off in plan.off)
    return f"Nothing can be run: {said or 'nothing was asked for'}. Add the tables that are missing to the data folder."
