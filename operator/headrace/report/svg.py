"""From a figure to SVG that can stand in an HTML page beside others."""

from __future__ import annotations

import io
import re
from xml.sax.saxutils import escape

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_GROUP_ID = re.compile(r'<g id="[A-Za-z0-9.]+_\d+"')
_GEOMETRY = re.compile(r'(?<=[ \n])(?:d|x|y|transform|points)="[^"<>]*"')
_NUMBER = re.compile(r"-?\d+\.\d{2,}")


def to_svg(figure: Figure, name: str, title: str, description: str) -> str:
    """Write a figure as an `<svg>` element whose text is text.

    Args:
        figure: Drawn within `style.drawing(name)`.
        name: What the ids of title and description begin with; unique in the page.
        title: What is shown, for those who do not see it.
        description: What can be seen, in sentences.
    """
    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata=_NO_METADATA)
    text = buffer.getvalue()
    body = text[text.index("<svg") :]
    opening, _, rest = body.partition(">")
    view = re.search(r'viewBox="([^"]+)"', opening)
    assert view is not None  # matplotlib always writes one
    rest = _GROUP_ID.sub("<g", rest)  # `axes_1` of two charts would be the same id twice
    rest = _GEOMETRY.sub(lambda attribute: _NUMBER.sub(_short, attribute.group()), rest)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{view.group(1)}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{rest.strip()}'
    )


def _short(match: re.Match[str]) -> str:
    """Keep a tenth of a point: nobody sees more, and the page is half as large."""
    return f"{float(match.group()):.1f}".removesuffix(".0")
