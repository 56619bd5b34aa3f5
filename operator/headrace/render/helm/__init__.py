"""A Helm chart of a rollout, for teams that deliver by Helm only.

The manifests are those of the other renderers, not templates of their own. A rollout made of marks
goes through the same code (`marks`), once for every way in which values can change the outcome.
What differs between two ways becomes an `if` (`choices`), and where a mark stands an expression is
written (`template`). So the chart, at its default values, is what `headrace render` shows.
"""

from headrace.render.helm.chart import WRITTEN, Chart, chart, values_file

__all__ = ["WRITTEN", "Chart", "chart", "values_file"]
