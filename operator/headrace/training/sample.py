"""Made-up flights with the columns of the data set, for tests and for trying a component.

Lateness depends on the hour, the carrier and the rain, so that a model finds something. Nothing
that is published is measured on these.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from headrace.training.features import SCHEDULED
from headrace.training.flights import COLUMNS, TARGET

CARRIERS = ("UA", "B6", "EV", "DL", "VX")
_SHARES = (0.3, 0.3, 0.2, 0.18, 0.02)
_DESTINATIONS = ("ATL", "ORD", "LAX", "BOS")


def sample_flights(
    rows: int, seed: int = 0, start: datetime = datetime(2013, 1, 1, tzinfo=UTC), days: int = 60
) -> pd.DataFrame:
    """Make flights up.

    Args:
        rows: How many.
        seed: The same seed gives the same flights.
        start: The first departure is not before.
        days: Over how many days they are spread.

    Returns:
        The columns of the data set, in the order of scheduled departure; about a twentieth of the
        pressures is missing.
    """
    random = np.random.default_rng(seed)
    minutes = np.sort(random.choice(days * 24 * 60, size=rows, replace=False))
    moments = [start + timedelta(minutes=int(minute)) for minute in minutes]
    carriers = random.choice(CARRIERS, size=rows, p=_SHARES)
    rain = np.where(random.random(rows) < 0.2, random.exponential(0.2, rows), 0.0).round(2)
    hours = np.array([moment.hour for moment in moments])
    tendency = -2.0 + 0.1 * hours + 1.5 * (carriers == "EV") + 4.0 * rain
    pressure = random.normal(1018, 7, rows).round(1)
    pressure[random.random(rows) < 0.05] = np.nan
    columns = {
        "carrier": carriers,
        "origin": random.choice(("EWR", "JFK", "LGA"), size=rows),
        "dest": random.choice(_DESTINATIONS, size=rows),
        "distance": random.integers(100, 2600, rows),
        SCHEDULED: [moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in moments],
        "temp": random.normal(50, 15, rows).clip(-20, 110).round(1),
        "dewp": random.normal(40, 15, rows).clip(-20, 80).round(1),
        "humid": random.uniform(20, 100, rows).round(1),
        "wind_speed": random.exponential(10, rows).clip(0, 60).round(1),
        "precip": rain,
        "pressure": pressure,
        "visib": random.uniform(1, 10, rows).round(1),
        "flight": np.arange(rows) % 9999 + 1,
        TARGET: (random.random(rows) < 1 / (1 + np.exp(-tendency))).astype("int8"),
    }
    return pd.DataFrame(columns)[list(COLUMNS)]
