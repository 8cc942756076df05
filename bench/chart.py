"""Bars in SVG, with nothing but Python: one panel a measure, one bar a contender, a line from the
least to the most of the rounds."""

import statistics
from collections import namedtuple
from xml.sax.saxutils import escape

Panel = namedtuple("Panel", "title digits bars")  # bars: [(name, [values])]

WIDTH, LABEL, VALUE, ROW, GAP, MARGIN = 860, 230, 90, 22, 46, 20
OURS, LIMIT, OTHER = "#1b6ca8", "#b9c2c9", "#7d8f9c"
LIMITS = ("raw veth", "relay without a cipher")


def text(x, y, words, anchor="start", size=13, weight="normal"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}" '
            f'font-weight="{weight}">{escape(words)}</text>')


def color_of(name):
    return OURS if name.startswith("webmesh") else LIMIT if name in LIMITS else OTHER


def bar(y, name, values, digits, scale):
    """One row: name, bar up to the median, whisker, value."""
    x, value = LABEL + 10, statistics.median(values)
    least, most = (x + v * scale for v in (min(values), max(values)))
    middle = y + ROW / 2
    return [
        text(LABEL, middle + 4, name, "end"),
        f'<rect x="{x}" y="{y + 3:.0f}" width="{value * scale:.1f}" height="{ROW - 6}" fill="{color_of(name)}"/>',
        f'<path d="M{least:.1f} {middle:.1f}H{most:.1f}" stroke="#222" stroke-width="1.5"/>',
        text(max(most, x + value * scale) + 6, middle + 4, f"{value:.{digits}f}", size=12),
    ]


def draw_panel(panel, y):
    parts = [text(MARGIN, y + 16, panel.title, weight="bold")]
    most = max((max(values) for _, values in panel.bars), default=0) or 1
    scale = (WIDTH - LABEL - VALUE - MARGIN) / most
    y += 24
    for name, values in panel.bars:
        parts += bar(y, name, values, panel.digits, scale)
        y += ROW
    return parts, y


def draw(panels, head, foot):
    """The whole picture as text; head and foot: lines above and below."""
    y = MARGIN
    parts = []
    for line in head:
        y += 18
        parts.append(text(MARGIN, y, line, size=12))
    for panel in panels:
        more, y = draw_panel(panel, y + GAP / 2)
        parts += more
    y += GAP / 2
    for line in foot:
        y += 16
        parts.append(text(MARGIN, y, line, size=11))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + MARGIN:.0f}" '
        'font-family="sans-serif" fill="#222">',
        '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])
