"""Parts of an SVG, shown as an image inside markdown, so that no text of an item ever becomes markup of the page.

Not here: what is drawn (`pictures.py`, `charts.py`).
"""

import base64
import html

import dagster as dg

INK, DIM, BAR, CARD = "#18181b", "#71717a", "#4f46e5", "#e4e4e7"


def box(left: float, top: float, width: float, height: float, colour: str) -> str:
    """A filled rectangle."""
    size = f'width="{width:.1f}" height="{height:.1f}"'
    return f'<rect x="{left:.1f}" y="{top:.1f}" {size} fill="{colour}"/>'


def text(x: float, y: float, words: str, anchor: str = "start", colour: str = INK) -> str:
    """A line of words."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{html.escape(words)}</text>'


def document(width: float, height: float, parts: list[str]) -> str:
    """The whole picture, on white."""
    style = 'font-family="system-ui, sans-serif" font-size="11"'
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    ground = '<rect width="100%" height="100%" fill="white"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{ground}{"".join(parts)}</svg>'


def markdown(svg: str, what: str) -> dg.MetadataValue:
    """The picture as metadata; `what` is read out in its place."""
    return dg.MetadataValue.md(f"![{what}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})")
