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
Answer = dict[str, Any]
RAW = Path(__file__).resolve().parents[1] / ".." / "shared" / "real" / "raw_intraday"
#: Where the files of raw_intraday were counted.
ZONES = {
    "nyc_taxi_30min.csv": "America/New_York",
    "bike_rentals_hourly.csv": "America/New_York",
    "pedestrian_hourly.csv": "Australia/Melbourne",
}
#: The promises to a caller in the cases' words, and in the package's.
CRITERIA = {
    "service_level": "service_level",
    "target_s": "target_s",
    "max_p_wait": "max_wait_probability",
    "max_asa_s": "max_asa_s",
    "max_occupancy": "max_occupancy",
    "patience_s": "patience_s",
    "max_abandon": "max_abandonment",
    "minimum": "minimum",
    "definition": "definition",
}


def erlang_b(inputs: Inputs) -> Answer:
    """Blocking at a load, or the load at a blocking."""
    if "blocking" in inputs:
        load = staffing.max_load(inputs["servers"], inputs["blocking"])
        return {"max_load": load, "max_load_exact": load}
    load, _ = _load(inputs)
    return {"load": load, "blocking": staffing.erlang_b(inputs["servers"], load)}


def erlang_c(inputs: Inputs) -> Answer:
    """Everything about a queue in which everybody waits."""
    load, aht_s = _load(inputs)
    agents = inputs["agents"]
    answer = {
        "load": load,
        "p_wait": staffing.erlang_c(agents, load),
        "asa_s": staffing.average_speed_of_answer(agents, load, aht_s),
        "mean_queue": staffing.mean_queue(agents, load, aht_s),
        "occupancy": staffing.occupancy(agents, load),
        "p90_wait_s": staffing.wait_quantile(agents, load, aht_s, 0.9),
        "stable": (np.asarray(load) == 0) | (np.asarray(agents) > load),
    }
    if inputs.get("target_s") is not None:
        answer["service_level"] = staffing.service_level(agents, load, aht_s, inputs["target_s"])
    return answer | {"asa_exact": answer["asa_s"], "p_wait_exact": answer["p_wait"], "p90_exact": answer["p90_wait_s"]}


def erlang_a(inputs: Inputs) -> Answer:
    """Everything about a queue in which people lose patience."""
    load, aht_s = _load(inputs)
    agents, patience_s, target_s = inputs["agents"], inputs.get("patience_s"), inputs.get("target_s")
    answer = {
        "load": load,
        "p_wait": staffing.wait_probability(agents, load, aht_s, patience_s),
        "p_abandon": staffing.abandonment_rate(agents, load, aht_s, patience_s),
        "mean_wait": staffing.average_speed_of_answer(agents, load, aht_s, patience_s),
        "mean_queue": staffing.mean_queue(agents, load, aht_s, patience_s),
        "occupancy": staffing.occupancy(agents, load, aht_s, patience_s),
    }
    if target_s is not None:
        queue = (agents, load, aht_s, target_s, patience_s)
        answer["sl_served_within_t"] = staffing.service_level(*queue)
        answer["p_wait_gt_t"] = staffing.still_waiting(*queue)
        answer["sl_excl_short_abandons"] = staffing.service_level(*queue, definition="short_abandons_excluded")
    return answer


def required(inputs: Inputs) -> Answer:
    """Agents for any mix of criteria, and the people to schedule."""
    load, aht_s = _load(inputs)
    interval_s = inputs.get("interval_s", 3600)
    volume = inputs["calls"] if "calls" in inputs else load * interval_s / aht_s
    agents = staffing.required_agents(volume, aht_s, interval_s, **_criteria(inputs))
    away = inputs.get("shrinkage")
    return {"load": load, "agents": agents, "scheduled": staffing.scheduled_staff(agents, 0 if away is None else away)}


def shrinkage(inputs: Inputs) -> Answer:
    """People to schedule, for a share or for the sum of its categories."""
    categories = inputs.get("categories")
    if categories is None:
        return {"scheduled": staffing.scheduled_staff(inputs["required"], inputs["shrinkage"])}
    share = staffing.shrinkage_of(list(categories.values()) if isinstance(categories, dict) else list(categories))
    return {"shrinkage": float(share), "scheduled": staffing.scheduled_staff(inputs["required"], float(share))}


def hours_per_patient_day(inputs: Inputs) -> Answer:
    """Nursing hours: a patient day takes `hppd` hours, and an hour of care is worked in an hour."""
    patient_days = inputs["patient_days"] if "patient_days" in inputs else inputs["avg_census"] * inputs["days"]
    hours = staffing.workload_hours(patient_days * inputs["hppd"], 1)
    answer = {"patient_days": patient_days, "hours": hours}
    return answer | ({"fte": staffing.fte(hours, inputs["hours_per_fte"])} if "hours_per_fte" in inputs else {})


def relief_factor(inputs: Inputs) -> Answer:
    """Posts with relief for those who are away."""
    away, paid = ("shrinkage", 1) if "shrinkage" in inputs else ("nonproductive_h", inputs["paid_h"])
    factor = staffing.relief_factor(inputs[away], paid)
    return {"shrinkage": 1 - 1 / factor, "relief_factor": factor, "fte": inputs.get("fte", 1) * factor}


def units_per_labour_hour(inputs: Inputs) -> Answer:
    """Hours and heads for work with a standard."""
    pace, utilisation = inputs["uplh"], inputs.get("utilisation", 1)
    return {
        "hours": staffing.workload_hours(inputs["units"], pace),
        "heads": staffing.workload_staff(inputs["units"], pace, inputs.get("shift_h", 1), utilisation),
    }


def backlog(inputs: Inputs) -> Answer:
    """First in, first out, and the smallest constant capacity."""
    arrivals, sla = inputs["arrivals"], inputs["sla_days"]
    answer: Answer = {"min_constant_capacity": staffing.minimum_capacity(arrivals, sla)}
    if "capacity" in inputs:
        done = staffing.backlog(arrivals, inputs["capacity"], sla)
        answer |= {
            "processed": done.processed,
            "backlog": done.waiting,
            "late_units": done.late_units,
            "overdue_units": done.overdue_units,
            "oldest_age_end": done.oldest_age,
        }
    return answer


def headcount(inputs: Inputs) -> Answer:
    """Headcount with attrition, hiring lead time and ramp."""
    plan = staffing.headcount_plan(
        inputs["start"],
        inputs["monthly_attrition"],
        inputs["hires_requested"],
        lead_months=inputs.get("lead_months", 0),
        ramp=inputs.get("ramp", ()),
        months=inputs.get("months"),
    )
    return {name: plan[name].to_numpy() for name in plan.columns}


def dst(inputs: Inputs) -> Answer:
    """Intervals and hours of a day on which the clocks may change."""
    if "file" in inputs:
        return {"true_intervals": _intervals_in(inputs["file"], inputs["date"], inputs.get("tz"))}
    starts = staffing.day_intervals(inputs["date"], inputs["tz"], inputs["interval_min"])
    staff = pd.Series(float(inputs.get("agents_every_interval", 0)), index=starts)
    hours = staffing.aggregate_hours(staff, "D", inputs["tz"], inputs["interval_min"] * 60)
    return {"intervals": len(starts), "agent_hours": float(hours.sum())}


def quantile(inputs: Inputs) -> Answer:
    """Agents for a quantile of the volume."""
    asked = (inputs[name] for name in ("mean_calls", "sd_calls", "quantile", "aht_s", "interval_s"))
    volume, agents = staffing.staffing_quantiles(*asked, **_criteria(inputs))
    return {"volume": volume, "agents": agents}


def shift_cover(inputs: Inputs) -> Answer:
    """Shifts that cover the demand at least cost."""
    cover = staffing.cover_shifts(
        inputs["demand"], inputs["coverage"], inputs["cost"], understaff_cost=inputs.get("understaff_cost")
    )
    return {"objective": cover.objective, "lp_bound": cover.relaxed}


def _load(inputs: Inputs) -> tuple[Any, Any]:
    """Return erlangs and handling time, however the case gives them."""
    aht_s = inputs.get("aht_s", 3600 / inputs["service_per_h"] if "service_per_h" in inputs else 1.0)
    if "load" in inputs:
        return inputs["load"], aht_s
    for name, interval_s in (("calls", inputs.get("interval_s")), ("arrivals_per_min", 60), ("arrivals_per_h", 3600)):
        if name in inputs:
            return staffing.offered_load(inputs[name], aht_s, interval_s), aht_s
    raise KeyError("the case gives neither a load nor calls")


def _criteria(inputs: Inputs) -> dict[str, Any]:
    return {name: inputs[word] for word, name in CRITERIA.items() if inputs.get(word) is not None}


def _intervals_in(file: str, date: str, zone: str | None) -> int:
    """Count the true intervals of a day in a file of local times, with or without their offsets."""
    path = RAW / file
    if not path.exists():
        pytest.skip(f"{file} of ../shared/real/raw_intraday is not here")
    zone = zone or ZONES[file]
    starts = pd.read_csv(path)["interval_start"]
    own = starts[starts.str.startswith(date)]
    if own.str.contains("[+-]\\d\\d:\\d\\d$").any():
        return own.nunique()
    return int(staffing.times_on_clock(pd.DatetimeIndex(pd.to_datetime(own)), zone).sum())


def _read(value: Any) -> Any:
    """Return a case's input with its lists as arrays and its "inf" as a number."""
    if isinstance(value, list):
        return np.array(value, dtype=np.float64)
    return math.inf if value == "inf" else value


def _written(value: Any) -> Any:
    """Return an answer as the cases write it: plain numbers and lists, infinity as text."""
    if isinstance(value, np.ndarray) and value.ndim:
        return [_written(item) for item in value]
    plain = value.item() if isinstance(value, np.generic | np.ndarray) else value
    return "inf" if isinstance(plain, float) and math.isinf(plain) else plain


def _adapted(adapter: Callable[[Inputs], Answer]) -> Callable[[Inputs], Answer]:
    def answer(inputs: Inputs) -> Answer:
        answers = adapter({name: _read(value) for name, value in inputs.items()})
        return {name: _written(value) for name, value in answers.items()}

    return answer


_BY_GROUP: dict[str, Callable[[Inputs], Answer]] = {
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
ADAPTERS = {group: _adapted(adapter) for group, adapter in _BY_GROUP.items()}

PENDING: frozenset[str] = frozenset()
