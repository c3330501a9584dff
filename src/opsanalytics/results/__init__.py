"""Results: what an analysis found, on record in the run folder, and the one table of figures.

`analyses` asks budget, demand and staffing for one entity's result, `record` keeps a result in the
run folder, `figures` turns any result into the long table that every report, comparison and re-run
is judged by, and `joined` makes the run's tables of them all.
"""

from opsanalytics.results.analyses import (
    forecast,
    forecast_value,
    has_needs,
    queue_detail,
    sites_with_demand,
    staff,
    staff_by_site,
    variance,
)
from opsanalytics.results.figures import COLUMNS, KEY, figures
from opsanalytics.results.joined import RunResults, collect, merge
from opsanalytics.results.record import save

__all__ = [
    "COLUMNS",
    "KEY",
    "RunResults",
    "collect",
    "figures",
    "forecast",
    "forecast_value",
    "has_needs",
    "merge",
    "queue_detail",
    "save",
    "sites_with_demand",
    "staff",
    "staff_by_site",
    "variance",
]
