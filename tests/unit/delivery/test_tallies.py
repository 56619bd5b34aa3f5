"""What a batch counts, when its parts are put together."""

from __future__ import annotations

import json

from headrace.delivery.batch.tallies import Tallies
from headrace.serving.reference import Categories, Histogram, Reference

REFERENCE = Reference(
    {"size": Histogram((1.0, 2.0), (50, 30, 20)), "colour": Categories({"red": 60, "blue": 40})},
    Histogram((0.5,), (70, 30)),
)


def test_parts_that_were_kept_as_json_count_as_if_they_had_been_one() -> None:
    whole, together = Tallies(REFERENCE), Tallies(REFERENCE)
    for sizes, colours, predictions in (
        ([0.5, 1.5, None], ["red", "green", None], [0.1, 0.9, 0.2]),
        ([9.0], ["blue"], [0.7]),
    ):
        part = Tallies(REFERENCE)
        for tallies in (whole, part):
            tallies.add({"size": sizes, "colour": colours}, predictions)
        together.merge(json.loads(json.dumps(part.document())))
    assert together.drifts() == whole.drifts()
    assert [each.rows for each in together.drifts()] == [4, 4, 4]


def test_an_input_may_be_named_like_the_predictions() -> None:
    tallies = Tallies(Reference({"prediction": REFERENCE.features["size"]}, REFERENCE.prediction))
    tallies.merge({**tallies.document()})
    tallies.add({"prediction": [0.5] * 50 + [1.5] * 30 + [9.0] * 20}, [0.9] * 100)
    named_so, prediction = tallies.drifts()
    assert (named_so.name, named_so.drifted) == ("prediction", False)
    assert (prediction.name, prediction.drifted) == ("prediction", True)
