"""Adapters: the reference cases of tests/cases/staffing.json in the words of opsanalytics.staffing.

They translate names and units and compute nothing of their own; an answer is given for all that
the function knows, and the case picks what it expects.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from opsanalytics import staffing

Inputs = dict[str, Any]
RAW = Path(__file__).resolve().parents[1] / ".." / "shared" / "real" / "raw_intraday"
ZONES = {"nyc_taxi_30min.csv": "America/New_York"}  # where the files of raw_intraday were counted


def erlang_b(inputs: Inputs) -> dict[str, Any]:
    """Blocking at a load, or the load at a blocking."""
    if "load" in inputs:
        return {"blocking": _listed(staffing.erlang_b(inputs["servers"], inputs["load"]))}
    load = _listed(staffing.max_load(inputs["servers"], inputs["blocking"]))
    return {"max_load": load, "max_load_exact": load}


def erlang_c(inputs: Inputs) -> dict[str, Any]:
    """Everything about a queue in which everybody waits."""
    load, aht_s = _load(inputs)
    agents, target_s = inputs["agents"], inputs.get("target_s")
    answer = {
        "load": load,
        "p_wait": staffing.erlang_c(agents, load),
        "asa_s": _finite(staffing.average_speed_of_answer(agents, load, aht_s)),
        "mean_queue": _finite(staffing.mean_queue(agents, load, aht_s)),
        "occupancy": staffing.occupancy(agents, load),
        "p90_wait_s": _finite(staffing.wait_quantile(agents, load, aht_s, 0.9)),
        "stable": load == 0 or agents > load,
    }
    if target_s is not None:
        answer["service_level"] = staffing.service_level(agents, load, aht_s, target_s)
    return answer | {"asa_exact": answer["asa_s"], "p_wait_exact": answer["p_wait"], "p90_exact": answer["p90_wait_s"]}


def erlang_a(inputs: Inputs) -> dict[str, Any]:
    """Everything about a queue in which people lose patience."""
    load, aht_s = _load(inputs)
    agents, patience_s, target_s = inputs["agents"], _number(inputs["patience_s"]), inputs.get("target_s")
    answer = {
        "load": load,
        "p_wait": staffing.wait_probability(agents, load, aht_s, patience_s),
        "p_abandon": staffing.abandonment_rate(agents, load, aht_s, patience_s),
        "mean_wait": _finite(staffing.average_speed_of_answer(agents, load, aht_s, patience_s)),
        "mean_queue": _finite(staffing.mean_queue(agents, load, aht_s, patience_s)),
        "occupancy": staffing.occupancy(agents, load, aht_s, patience_s),
    }
    if target_s is not None:
        queue = (agents, load, aht_s, target_s, patience_s)
        answer["sl_served_within_t"] = staffing.service_level(*queue)
        answer["p_wait_gt_t"] = staffing.still_waiting(*queue)
        answer["sl_excl_short_abandons"] = staffing.service_level(*queue, definition="short_abandons_excluded")
    return answer


def required(inputs: Inputs) -> dict[str, Any]:
    """Agents for any mix of criteria, and the people to schedule."""
    load, aht_s = _load(inputs)
    interval_s = inputs.get("interval_s", 3600)
    agents = staffing.required_agents(
        inputs.get("calls", load * interval_s / aht_s),
        aht_s,
        interval_s,
        service_level=inputs.get("service_level"),
        target_s=inputs.get("target_s"),
        max_wait_probability=inputs.get("max_p_wait"),
        max_asa_s=inputs.get("max_asa_s"),
        max_occupancy=inputs.get("max_occupancy"),
        patience_s=_number(inputs.get("patience_s")),
        max_abandonment=inputs.get("max_abandon"),
    )
    return {"load": load, "agents": agents, "scheduled": staffing.scheduled_staff(agents, inputs.get("shrinkage") or 0)}


def shrinkage(inputs: Inputs) -> dict[str, Any]:
    """People to schedule."""
    return {"scheduled": _listed(staffing.scheduled_staff(inputs["required"], inputs["shrinkage"]))}


def hours_per_patient_day(inputs: Inputs) -> dict[str, Any]:
    """Nursing hours: a patient day is a unit that takes `hppd` hours."""
    patient_days = inputs["avg_census"] * inputs["days"]
    hours = staffing.workload_hours(patient_days, 1 / inputs["hppd"])
    return {"patient_days": patient_days, "hours": hours, "fte": staffing.fte(hours, inputs["hours_per_fte"])}


def relief_factor(inputs: Inputs) -> dict[str, Any]:
    """Posts with relief for those who are away."""
    factor = staffing.relief_factor(inputs["nonproductive_h"], inputs["paid_h"])
    return {"shrinkage": 1 - 1 / factor, "relief_factor": factor, "fte": inputs.get("fte", 1) * factor}


def units_per_labour_hour(inputs: Inputs) -> dict[str, Any]:
    """Hours and heads for work with a standard."""
    pace, utilisation = inputs["uplh"], inputs.get("utilisation", 1)
    return {
        "hours": _listed(staffing.workload_hours(inputs["units"], pace)),
        "heads": _listed(staffing.workload_staff(inputs["units"], pace, inputs.get("shift_h", 1), utilisation)),
    }


def backlog(inputs: Inputs) -> dict[str, Any]:
    """First in, first out, and the smallest constant capacity."""
    arrivals, sla = inputs["arrivals"], inputs["sla_days"]
    answer: dict[str, Any] = {"min_constant_capacity": staffing.minimum_capacity(arrivals, sla)}
    if "capacity" in inputs:
        done = staffing.backlog(arrivals, inputs["capacity"], sla)
        answer |= {
            "processed": done.processed.tolist(),
            "backlog": done.waiting.tolist(),
            "late_units": done.late_units,
            "oldest_age_end": done.oldest_age,
        }
    return answer


def headcount(inputs: Inputs) -> dict[str, Any]:
    """Headcount with attrition, hiring lead time and ramp."""
    plan = staffing.headcount_plan(
        inputs["start"],
        inputs["monthly_attrition"],
        inputs["hires_requested"],
        lead_months=inputs.get("lead_months", 0),
        ramp=inputs.get("ramp", ()),
        months=inputs.get("months"),
    )
    return {name: plan[name].tolist() for name in plan.columns}


def dst(inputs: Inputs) -> dict[str, Any]:
    """Intervals and hours of a day on which the clocks may change."""
    if "file" in inputs:
        return {"true_intervals": _intervals_in(inputs["file"], inputs["date"])}
    starts = staffing.day_intervals(inputs["date"], inputs["tz"], inputs["interval_min"])
    staff = pd.Series(float(inputs["agents_every_interval"]), index=starts)
    hours = staffing.aggregate_hours(staff, "D", inputs["tz"], inputs["interval_min"] * 60)
    return {"intervals": len(starts), "agent_hours": float(hours.sum())}


def quantile(inputs: Inputs) -> dict[str, Any]:
    """Agents for a quantile of the volume."""
    names = ("service_level", "target_s", "max_occupancy", "patience_s", "max_asa_s")
    volume, agents = staffing.staffing_quantiles(
        inputs["mean_calls"],
        inputs["sd_calls"],
        inputs["quantile"],
        inputs["aht_s"],
        inputs["interval_s"],
        **{name: inputs[name] for name in names if inputs.get(name) is not None},
    )
    return {"volume": volume, "agents": agents}


def shift_cover(inputs: Inputs) -> dict[str, Any]:
    """Shifts that cover the demand at least cost."""
    cover = staffing.cover_shifts(
        inputs["demand"], inputs["coverage"], inputs["cost"], understaff_cost=inputs.get("understaff_cost")
    )
    return {"objective": cover.objective, "lp_bound": cover.relaxed}


def _load(inputs: Inputs) -> tuple[float, float]:
    """Return erlangs and handling time, however the case gives them."""
    aht_s = inputs.get("aht_s", 3600 / inputs["service_per_h"] if "service_per_h" in inputs else 1.0)
    if "load" in inputs:
        return inputs["load"], aht_s
    for name, interval_s in (("calls", inputs.get("interval_s")), ("arrivals_per_min", 60), ("arrivals_per_h", 3600)):
        if name in inputs:
            return staffing.offered_load(inputs[name], aht_s, interval_s), aht_s
    raise KeyError("the case gives neither a load nor calls")


def _intervals_in(file: str, date: str) -> int:
    """Count the true intervals of a day in a file of local times."""
    path = RAW / file
    if not path.exists():
        pytest.skip(f"{file} of ../shared/real/raw_intraday is not here")
    table = pd.read_csv(path)
    starts = pd.DatetimeIndex(pd.to_datetime(table.iloc[:, 0]))
    own = starts[starts.normalize() == pd.Timestamp(date)]
    return int(staffing.times_on_clock(own, ZONES[file]).sum())


def _listed(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _finite(value: float) -> float | str:
    """The cases write infinity as text."""
    return "inf" if math.isinf(value) else value


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


ADAPTERS: dict[str, Callable[[Inputs], dict[str, Any]]] = {
    "erlang_b": erlang_b,
    "erlang_c": erlang_c,
    "erlang_a": erlang_a,
    "required_pwait": required,
    "required_sl": required,
    "required_erlang_a": required,
    "shrinkage": shrinkage,
    "hours_per_patient_day": hours_per_patient_day,
    "relief_factor": relief_factor,
    "units_per_labour_hour": units_per_labour_hour,
    "backlog": backlog,
    "headcount": headcount,
    "dst": dst,
    "quantile": quantile,
    "shift_cover": shift_cover,
}

PENDING: frozenset[str] = frozenset()
