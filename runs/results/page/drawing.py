"""Draws with matplotlib, and turns what it draws into SVG that takes its colours from the page.

A colour stands for a part that it plays (`INK`, `ACCENT` …). In the SVG every such colour becomes
a class (`fill-accent`, `line-ink` …), so that one drawing serves light, dark and print. All else
that matplotlib styles becomes plain attributes: a page can forbid inline styles.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH: Final = 400
HEIGHT: Final = 250
"""In CSS pixels at full size. On a phone the drawing shrinks little enough to be read."""
TEXT_SIZE: Final = 12

INK: Final = "#a0000a"
MUTED: Final = "#a0000b"
GRID: Final = "#a0000c"
ACCENT: Final = "#a0000d"
PAPER: Final = "#a0000e"
_PARTS: Final = {INK: "ink", MUTED: "muted", GRID: "grid", ACCENT: "accent", PAPER: "paper"}

_SVG: Final = "{http://www.w3.org/2000/svg}"
_LINK: Final = "{http://www.w3.org/1999/xlink}href"
_REFERENCE = re.compile(r"#([\w-]+)")
_DROPPED: Final = frozenset({"metadata", "style", "title"})
_KEPT_STYLES: Final = frozenset(
    {
        "fill",
        "fill-opacity",
        "font-size",
        "font-weight",
        "opacity",
        "stroke",
        "stroke-dasharray",
        "stroke-dashoffset",
        "stroke-linecap",
        "stroke-linejoin",
        "stroke-opacity",
        "stroke-width",
        "text-anchor",
    }
)


def draw(name: str, plot: Callable[[Axes], None], label: str, height: int = HEIGHT) -> str:
    """What `plot` draws on empty axes, as an SVG element.

    Args:
        name: tells the drawings of one page apart.
        plot: draws, in the colours of this module.
        label: describes the drawing to readers who cannot see it.
        height: in CSS pixels; the width is `WIDTH`.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context(_look(name)):
        figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        plot(axes)
        for background in (figure.patch, axes.patch):
            background.set_facecolor("none")
        buffer = io.BytesIO()
        # `savefig` would draw all of it once before, for a format that cannot place things itself.
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # type: ignore[no-untyped-call]
    return restyle(buffer.getvalue(), name, label)


def _look(name: str) -> Any:
    """matplotlib's settings; ids come out the same whenever `name` is drawn."""
    return {
        "svg.hashsalt": name,
        "svg.fonttype": "none",
        "text.parse_math": False,
        "axes.formatter.useoffset": False,
        "axes.unicode_minus": True,
        "font.size": TEXT_SIZE,
        "text.color": INK,
        "axes.labelcolor": MUTED,
        "axes.labelsize": TEXT_SIZE,
        "axes.edgecolor": MUTED,
        "axes.linewidth": 0.8,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.6,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "legend.frameon": False,
        "legend.fontsize": TEXT_SIZE,
    }


def restyle(svg: bytes, name: str, label: str) -> str:
    """matplotlib's SVG as an element for a page: classes for colours, no style, no script."""
    root = ElementTree.fromstring(svg)
    used = set(_REFERENCE.findall(svg.decode()))
    for parent in root.iter():
        for child in list(parent):
            if child.tag.removeprefix(_SVG) in _DROPPED:
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        if element.get("id") not in used:
            element.attrib.pop("id", None)
        _name_apart(element, name)
        _apply_style(element)
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.attrib |= {"role": "img", "aria-label": label, "class": "chart"}
    root.attrib |= {"stroke-linejoin": "round", "fill": "none"}
    return ElementTree.tostring(root, encoding="unicode")


def _name_apart(element: ElementTree.Element, name: str) -> None:
    """All drawings of a page share one space of ids; those of this one begin with its name."""
    link = element.attrib.pop(_LINK, None)
    if link:
        element.set("href", f"#{name}-{link.removeprefix('#')}")
    if "id" in element.attrib:
        element.set("id", f"{name}-{element.attrib['id']}")
    if "clip-path" in element.attrib:
        element.set("clip-path", element.attrib["clip-path"].replace("#", f"#{name}-"))


def _apply_style(element: ElementTree.Element) -> None:
    classes: list[str] = []
    declared = [d.partition(":") for d in element.attrib.pop("style", "").split(";") if d.strip()]
    style = {key.strip(): value.strip() for key, _, value in declared}
    if "font" in style:
        style["font-size"] = style.pop("font").split("px")[0].split()[-1]
    for key, value in style.items():
        part = _PARTS.get(value)
        if part and key in ("fill", "stroke"):
            classes.append(f"{'fill' if key == 'fill' else 'line'}-{part}")
        elif key in _KEPT_STYLES:
            element.set(key, value.removesuffix("px"))
    if classes:
        element.set("class", " ".join(classes))
    # Without a fill SVG paints text black; here the page decides.
    if element.tag == "text" and "fill" not in style:
        element.set("class", "fill-ink")
