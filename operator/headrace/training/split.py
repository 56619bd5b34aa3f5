"""Split rows by time: models are judged on flights after those they learned from.

A random split would put flights of the same storm on both sides and flatter the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from headrace.errors import InvalidData, InvalidInput
from headrace.training.features import AIRPORT_ZONE, SCHEDULED, parse_instant
from headrace.training.window import midnight


@dataclass(frozen=True)
class Split:
    """Rows before and after a boundary.

    Attributes:
        train: Rows scheduled before it.
        holdout: Rows scheduled from it on.
        boundary: A UTC text like 2013-03-18T04:00:00Z.
    """

    train: pd.DataFrame
    holdout: pd.DataFrame
    boundary: str


def split_by_time(rows: pd.DataFrame, holdout_days: int) -> Split:
    """Hold out the last days of the rows.

    Args:
        rows: With `scheduled` as UTC texts of one format; in any order.
        holdout_days: How many days, as New York counts them, > 0.

    Raises:
        InvalidInput: `holdout_days` is not positive.
        InvalidData: There are no rows, or none is left to train on.
    """
    if holdout_days < 1:
        raise InvalidInput(f"holdout_days is {holdout_days}; expected a whole number from 1 on.")
    if rows.empty:
        raise InvalidData("There are no rows to split.")
    ordered = rows.sort_values(SCHEDULED, kind="stable").reset_index(drop=True)
    last = parse_instant(ordered[SCHEDULED].iloc[-1]).astimezone(AIRPORT_ZONE).date()
    boundary = midnight(last + timedelta(days=1 - holdout_days))
    held = ordered[SCHEDULED] >= boundary
    if held.all():
        raise InvalidData(
            f"All {len(rows)} rows are in the last {holdout_days} days, so none is left to train "
            "on; give a longer window or fewer days to hold out."
        )
    return Split(ordered[~held], ordered[held].reset_index(drop=True), boundary)
