"""Charts as SVG, readable on light and dark pages: horizontal bars, also on a logarithmic scale."""

from math import log10
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 820, 290, 720
BAR, STEP = 13, 21
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.mark{stroke:#656d76;"
    "stroke-dasharray:3 3}.small{font-size:11px;fill:#656d76}.s0{fill:#0969da}.s1{fill:#bc4c00}"
    ".s2{fill:#8250df}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}"
    ".mark{stroke:#9198a1}.s0{fill:#58a6ff}.s1{fill:#f0883e}.s2{fill:#bc8cff}}"
)


def bars(title, rows, marks=(), logarithmic=False, series=()):
    """`rows` are (label, value, text beside the bar, class), `marks` are (value, label)."""
    marks = list(marks)
    low = min([value for _, value, _, _ in rows] + [value for value, _ in marks])
    high = max([value for _, value, _, _ in rows] + [value for value, _ in marks])
    start = 10 ** (int(log10(low)) - (low < 1)) if logarithmic else 0

    def x(value):
        part = log10(value / start) / log10(high / start) if logarithmic else value / high
        return LEFT + max(part, 0.004) * (RIGHT - LEFT)

    body = [f'<text class="title" x="12" y="20">{escape(title)}</text>']
    at = 12
    for number, name in series:
        body.append(f'<rect class="s{number}" x="{at}" y="32" width="11" height="11"/>')
        body.append(f'<text x="{at + 16}" y="42">{escape(name)}</text>')
        at += 34 + 7 * len(name)
    top = 74 if marks else 54 if series else 36
    bottom = top + STEP * len(rows)
    for value, label in marks:
        body.append(f'<path class="mark" d="M{x(value):.1f} {top - 6}V{bottom}"/>')
        body.append(
            f'<text class="small" x="{x(value):.1f}" y="{top - 10}" text-anchor="middle">'
            f"{escape(label)}</text>"
        )
    for number, (label, value, text, kind) in enumerate(rows):
        y = top + STEP * number
        body.append(f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(label)}</text>')
        body.append(
            f'<rect class="s{kind}" x="{LEFT}" y="{y}" width="{x(value) - LEFT:.1f}" height="{BAR}"/>'
        )
        body.append(f'<text x="{x(value) + 5:.1f}" y="{y + 11}">{escape(text)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom + 10}" '
        f'viewBox="0 0 {WIDTH} {bottom + 10}" role="img" aria-label="{escape(title)}">\n'
        f"<style>{STYLE}</style>\n" + "\n".join(body) + "\n</svg>\n"
    )
