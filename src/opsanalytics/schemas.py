"""Schemas: the tables an analyst may bring, their columns, units and rules.

One declaration for each table serves the reading (which text becomes which type), the check (SQL, the
same for twenty rows and for ten million), a pandera schema that says what a checked frame is, and the
codebook docs/data.md, whose completeness is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandera.pandas as pa

LARGE = ("ledger", "demand")


@dataclass(frozen=True)
class Column:
    """One column: its kind, and what its cells may hold.

    `optional`: the column may be absent. `blank`: a cell may be empty (an optional column's always may).
    `minimum` and `maximum` are inclusive; `references` is "table.column".
    """

    name: str
    kind: str
    meaning: str
    blank: bool = False
    optional: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    references: str = ""

    @property
    def typed_name(self) -> str:
        """The name in a checked frame: money bears its unit, `amount` becomes `amount_cents`."""
        return f"{self.name}_cents" if self.kind == "money" else self.name

    @property
    def may_be_blank(self) -> bool:
        """May a cell be empty?"""
        return self.blank or self.optional


@dataclass(frozen=True)
class Table:
    """One input table: its key (columns that together name a row once), its columns, its meaning."""

    name: str
    key: tuple[str, ...]
    meaning: str
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """Return the column called `name`; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def _code(name: str, meaning: str, *, references: str = "", blank: bool = False, optional: bool = False) -> Column:
    return Column(name, "code", meaning, references=references, blank=blank, optional=optional)


def _text(name: str, meaning: str, *, blank: bool = False, optional: bool = False) -> Column:
    return Column(name, "text", meaning, blank=blank, optional=optional)


def _optional(name: str, kind: str, meaning: str, **rest: object) -> Column:
    return Column(name, kind, meaning, optional=True, **rest)  # type: ignore[arg-type]  # keywords of Column


_PERIOD = Column("period", "month", "the month the row is about")
_SITE = _code("site", "the site", references="sites.site")
_BLANK_SITE = _code("site", "the site; blank is (unassigned)", references="sites.site", blank=True, optional=True)
_SERVICE = _code("service", "the service", references="services.service")
_COST_CENTRE = _code(
    "cost_centre", "the cost centre; blank is (unassigned)", references="cost_centres.cost_centre", blank=True
)
_ACCOUNT = _code("account", "the account", references="accounts.account", blank=True)

_DECLARED = (
    Table("accounts", ("account",), "The chart of accounts.", (
        _code("account", "the account's code", blank=True),
        _text("name", "its name", blank=True),
        Column("type", "choice", "where it counts", choices=("revenue", "cost", "statistical")),
        _text("pl_line", "the line of the income statement it belongs to"),
        Column("behaviour", "choice", "does it move with volume?", choices=("fixed", "variable")),
        _optional("driver", "choice", "`staffing` marks payroll accounts that staff cost drives", choices=("staffing",)),
    )),
    Table("cost_centres", ("cost_centre", "valid_from"), "Cost centres and where they belong, by validity.", (
        _code("cost_centre", "the cost centre's code", blank=True),
        Column("valid_from", "day", "first day of this assignment"),
        _text("name", "its name", blank=True),
        _text("department", "the department it belongs to", blank=True),
        _code("site", "the site it belongs to; blank is (unassigned)", references="sites.site", blank=True, optional=True),
        _optional("valid_to", "day", "last day of this assignment; blank is open"),
    )),
    Table("sites", ("site",), "The sites.", (
        _code("site", "the site"),
        _text("name", "its name"),
        _optional("time_zone", "text", "IANA time zone; blank is the organisation's"),
        _optional("region", "text", "the region"),
    )),
    Table("ledger", ("document", "line"), "The ledger's lines, in the account's natural sign.", (
        _code("document", "the document's number"),
        _code("line", "the line within the document"),
        Column("posted_on", "day", "the day it was posted"),
        Column("period", "month", "the month it counts in"),
        _COST_CENTRE,
        _ACCOUNT,
        Column("amount", "money", "the amount; a refund or credit is negative", unit="currency"),
        _optional("currency", "code", "the currency; blank is the organisation's"),
        _optional("text", "text", "the posting text"),
        _optional("one_off", "flag", "is it a one-off item?"),
    )),
    Table("control_totals", ("period", "site", "type"), "What the source says that the ledger adds up to.", (
        _PERIOD,
        _BLANK_SITE,
        _optional("type", "choice", "the account type the total is for; blank is all", choices=("revenue", "cost", "statistical")),
        Column("amount", "money", "the total", unit="currency"),
        _optional("lines", "integer", "how many ledger lines it covers", minimum=0),
    )),
    Table("budget", ("version", "period", "cost_centre", "account", "valid_from"), "The budget, by month or by fiscal year.", (
        _text("version", "the budget's version, for example original or amended"),
        Column("period", "month_or_year", "a month, or a fiscal year (2026), which is then phased"),
        _COST_CENTRE,
        _ACCOUNT,
        _optional("valid_from", "month", "the month from which this amendment is in force"),
        Column("amount", "money", "the budget", unit="currency"),
    )),
    Table("drivers", ("period", "cost_centre", "driver"), "Activity drivers, budgeted and actual.", (
        _PERIOD, _COST_CENTRE,
        _text("driver", "the driver"),
        Column("budget_units", "number", "budgeted units", unit="units"),
        Column("actual_units", "number", "actual units", unit="units", blank=True),
    )),
    Table("sales", ("period", "site", "product"), "Units and prices sold, budgeted and actual.", (
        _PERIOD, _SITE,
        _code("product", "the product"),
        Column("budget_units", "decimal", "budgeted units", unit="units"),
        Column("budget_price", "decimal", "budgeted price; may be blank where no unit is budgeted", unit="currency per unit", blank=True),
        Column("actual_units", "decimal", "actual units", unit="units", blank=True),
        Column("actual_price", "decimal", "actual price", unit="currency per unit", blank=True),
        _optional("unit", "text", "what the units are; the mix is that of products in one unit, blank is one of its own"),
    )),
    Table("standard_costs", ("period", "cost_centre", "product", "input"), "Standard and actual quantities and prices of inputs.", (
        _PERIOD, _COST_CENTRE,
        _code("product", "the product"),
        _code("input", "the material, labour or overhead"),
        Column("kind", "choice", "what it is", choices=("material", "labour", "variable_overhead", "fixed_overhead")),
        Column("budget_output", "decimal", "budgeted output", unit="units", minimum=0),
        Column("actual_output", "decimal", "actual output", unit="units", minimum=0),
        Column("standard_quantity", "decimal", "standard input for one unit of output", unit="input units", minimum=0),
        Column("standard_price", "decimal", "standard price of the input", unit="currency per input unit"),
        Column("actual_quantity", "decimal", "actual input in all", unit="input units", minimum=0),
        Column("actual_price", "decimal", "actual price of the input", unit="currency per input unit"),
        _optional("unit", "text", "what the input is measured in; materials of a product in one unit have a mix and a yield"),
    )),
    Table("activities", ("period", "pool", "product"), "Cost pools and what drives them, for activity-based costing.", (
        _PERIOD,
        _text("pool", "the cost pool"),
        _code("product", "the product"),
        Column("pool_cost", "money", "the pool's cost in the period, the same on each of its rows", unit="currency"),
        _text("driver", "the cost driver"),
        Column("driver_quantity", "number", "the driver's units that the product used", unit="units", minimum=0),
        _optional("capacity", "number", "the pool's practical capacity of its driver in the period, the same on each of its rows", unit="units", minimum=0),
    )),
    Table("payroll", ("period", "cost_centre", "grade"), "Headcount, rates and overtime by grade.", (
        _PERIOD, _COST_CENTRE,
        _text("grade", "the pay grade"),
        Column("budget_fte", "decimal", "budgeted full-time equivalents", unit="FTE", minimum=0),
        Column("budget_rate", "decimal", "budgeted monthly pay of one FTE", unit="currency per FTE and month", minimum=0),
        Column("actual_fte", "decimal", "actual full-time equivalents", unit="FTE", minimum=0),
        Column("actual_rate", "decimal", "actual monthly pay of one FTE", unit="currency per FTE and month", minimum=0),
        Column("overtime_hours", "decimal", "overtime worked", unit="hours", minimum=0),
        _optional("budget_overtime_hours", "decimal", "budgeted overtime", unit="hours", minimum=0),
    )),
    Table("fx_rates", ("currency", "period", "kind"), "Currency rates to the organisation's currency.", (
        _code("currency", "the foreign currency"),
        _PERIOD,
        Column("kind", "choice", "which rate", choices=("budget", "average", "closing")),
        Column("rate", "decimal", "organisation's currency for one unit of the foreign", minimum=0),
    )),
    Table("services", ("service",), "The services demand is measured in.", (
        _code("service", "the service"),
        _text("name", "its name"),
        _text("unit", "what one unit of volume is; volumes in different units are never summed"),
    )),
    Table("demand", ("ds", "site", "service"), "Volumes by day, month or interval.", (
        Column("ds", "instant", "a day, a month, or the start of an interval"),
        _SITE, _SERVICE,
        Column("volume", "number", "the volume", minimum=0, unit="the service's unit"),
    )),
    Table("events", ("ds", "site", "name"), "Holidays, campaigns and closures.", (
        Column("ds", "day", "the day"),
        _code("site", "the site; blank is every site", references="sites.site", blank=True, optional=True),
        _text("name", "the event's name"),
        Column("kind", "choice", "what it is", choices=("holiday", "campaign", "closure")),
        Column("known_ahead", "flag", "was it known before it came?"),
    )),
    Table("overrides", ("site", "service", "period"), "Planners' own forecasts.", (
        _SITE, _SERVICE, _PERIOD,
        Column("volume", "number", "the planner's forecast", minimum=0, unit="the service's unit"),
        _text("author", "who"),
        _text("reason", "why"),
    )),
    Table("standards", ("site", "service", "valid_from"), "How much work a unit of volume is, and the service promised.", (
        _SITE, _SERVICE,
        _optional("valid_from", "day", "first day this standard is in force; blank is always"),
        Column("method", "choice", "how staff is computed", choices=("erlang_c", "erlang_a", "workload", "backlog")),
        _optional("aht_s", "number", "average handling time", unit="seconds", minimum=0),
        _optional("service_level", "share", "share answered within target_s", minimum=0, maximum=1),
        _optional("target_s", "number", "the target wait", unit="seconds", minimum=0),
        _optional("patience_s", "number", "mean patience", unit="seconds", minimum=0),
        _optional("max_occupancy", "share", "highest occupancy allowed", minimum=0, maximum=1),
        _optional("concurrency", "number", "contacts handled at once by one agent", minimum=1),
        _optional("units_per_hour", "number", "units one person handles in an hour", unit="units per hour", minimum=0),
        _optional("sla_days", "number", "days within which work is done", unit="days", minimum=0),
        _optional("shrinkage", "share", "share of paid time not worked on the service", minimum=0, maximum=1),
        _optional("hours_per_fte", "number", "paid hours of one FTE in a month", unit="hours per month", minimum=0),
        _optional("wage_rate", "decimal", "cost of a paid hour", unit="currency per hour", minimum=0),
        _optional("cost_centre", "code", "the cost centre that bears the cost", references="cost_centres.cost_centre"),
    )),
    Table("shrinkage", ("site", "service", "category"), "Shrinkage by category.", (
        _SITE, _SERVICE,
        _text("category", "leave, sickness, training, ..."),
        Column("share", "share", "share of paid time", minimum=0, maximum=1),
    )),
    Table("opening_hours", ("site", "service", "weekday"), "Opening hours by weekday.", (
        _SITE, _SERVICE,
        Column("weekday", "choice", "the weekday", choices=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")),
        Column("opens", "time", "opens at, local time"),
        Column("closes", "time", "closes at, local time; 24:00 is midnight"),
    )),
    Table("roster", ("start", "site", "service"), "Rostered staff by interval.", (
        Column("start", "instant", "start of the interval or day, local time"),
        _SITE, _SERVICE,
        Column("staff", "number", "people rostered", unit="people", minimum=0),
        Column("hours", "number", "paid hours rostered in the interval", unit="hours", minimum=0),
    )),
    Table("headcount", ("period", "site", "service"), "Headcount and hiring.", (
        _PERIOD, _SITE, _SERVICE,
        Column("fte", "number", "full-time equivalents at the start of the period", unit="FTE", minimum=0),
        Column("attrition_rate", "share", "share leaving in a month", minimum=0, maximum=1),
        Column("hires", "number", "hires requested", unit="FTE", minimum=0),
        Column("lead_months", "integer", "months from request to start", unit="months", minimum=0),
        Column("ramp_months", "integer", "months until fully productive", unit="months", minimum=0),
    )),
    Table("kpis", ("kpi", "period", "entity"), "Key figures with target and limits.", (
        _text("kpi", "the key figure"),
        _PERIOD,
        _text("entity", "a site or (all)"),
        Column("value", "number", "its value"),
        _optional("numerator", "number", "numerator of a rate"),
        _optional("denominator", "number", "denominator of a rate"),
        Column("target", "number", "the target"),
        Column("direction", "choice", "which is better", choices=("higher", "lower")),
        Column("amber_at", "number", "from where it is a concern"),
        Column("red_at", "number", "from where it is off target"),
        _text("owner", "who answers for it"),
    )),
    *(
        Table(name, ("id",), meaning, (
            _code("id", "its number"),
            _text("entity", "a site or (all)"),
            _text("kind", kinds),
            _text("text", "what it is"),
            _optional("amount", "money", "the amount at stake", unit="currency"),
            _optional("likelihood", "share", "how likely", minimum=0, maximum=1),
            _text("owner", "who answers for it"),
            Column("due_on", "day", "due on"),
            _text("state", "where it stands"),
        ))
        for name, meaning, kinds in (
            ("risks", "Risks and opportunities.", "risk or opportunity"),
            ("actions", "Actions agreed.", "the kind of action"),
        )
    ),
    Table("commentary", ("period", "entity", "measure", "dimension", "item"), "The analysts' comments on figures.", (
        _PERIOD,
        _text("entity", "a site or (all)"),
        _text("measure", "the measure commented on, for example variance"),
        _text("dimension", "its dimension, for example pl_line"),
        _text("item", "the item, for example the line's name"),
        _text("author", "who wrote it"),
        Column("written_on", "day", "when"),
        _text("text", "the comment"),
        _optional("amount", "money", "the figure commented on; a comment without one never goes stale", unit="currency"),
    )),
)  # fmt: skip

TABLES: Mapping[str, Table] = MappingProxyType({table.name: table for table in _DECLARED})

#: The tables that a notebook cannot do without; 04 needs none of its own.
NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "01_budget_variance": ("accounts", "cost_centres", "ledger", "budget"),
        "02_seasonal_demand": ("demand",),
        "03_staffing_forecast": ("demand", "standards"),
        "04_board_pack": (),
    }
)

_LEDGER_AND_PLAN = ("accounts", "cost_centres", "ledger", "budget")
_ALL_BUT_NOTICES = tuple(name for name in TABLES if name not in ("kpis", "risks", "actions"))

#: The tables that a notebook reads, those it can do without included; 04 prints what the other three found.
READS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "01_budget_variance": (
            *(*_LEDGER_AND_PLAN, "sites", "control_totals", "drivers", "sales", "standard_costs"),
            *("activities", "payroll", "fx_rates", "commentary"),
        ),
        "02_seasonal_demand": ("sites", "services", "demand", "events", "overrides"),
        "03_staffing_forecast": (
            *(*_LEDGER_AND_PLAN, "sites", "services", "demand", "events"),
            *("standards", "shrinkage", "opening_hours", "roster", "headcount"),
        ),
        "04_board_pack": _ALL_BUT_NOTICES,
    }
)

_DTYPES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("code", "text", "choice", "month", "month_or_year", "time"), "str"),
        **dict.fromkeys(("day", "instant"), "datetime64[us]"),
        **dict.fromkeys(("number", "share"), "float64"),
        "money": "int64",
        "decimal": "object",
        "integer": "Int64",
        "flag": "bool",
    }
)


def dtype(column: Column) -> str:
    """Return the dtype of a checked column; money that may be blank is the nullable Int64."""
    if column.kind == "money" and column.may_be_blank:
        return "Int64"
    return _DTYPES[column.kind]


def schema(table: Table) -> pa.DataFrameSchema:
    """Return the pandera schema of a checked small table: dtypes, blanks, ranges, choices.

    Keys are checked where rows are compared with each other, because a repeat and a contradiction get different treatment.
    """
    import pandera.pandas as pa

    def checks(column: Column) -> list[pa.Check]:
        found = []
        if column.choices:
            found.append(pa.Check.isin(column.choices, error="not_a_choice"))
        if column.minimum is not None:
            found.append(pa.Check.ge(column.minimum, error="out_of_range"))
        if column.maximum is not None:
            found.append(pa.Check.le(column.maximum, error="out_of_range"))
        return found

    return pa.DataFrameSchema(
        {
            column.typed_name: pa.Column(
                dtype(column), checks(column), nullable=column.may_be_blank, required=not column.optional
            )
            for column in table.columns
        },
        strict=False,
        name=table.name,
    )
