"""What a page is made of, and how it becomes one HTML file that needs nothing else.

A page is sections, a section is blocks; templates draw each kind of block and escape all text.
Figures are SVG in the page itself. What they draw in black takes the colour of the page's text, so
that they can be read on light and dark ground.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tsconv.plots import Figure
from tsconv.plots.style import to_bytes

TEMPLATES = Path(__file__).parent / "templates"
SVG_LINK = "{http://www.w3.org/1999/xlink}href"
ADAPTED = {"#000000": "currentColor", "#0072b2": "var(--blue)"}
"""Colours of figures that depend on the ground, and what style.css calls them."""
COLOUR = re.compile("#[0-9a-f]{6}")
PIXELS_PER_POINT = 4 / 3
LEAST_ZOOM, MOST_ZOOM = 0.85, 1.25  # of a figure's natural size; a narrower page scrolls it
HALF = 560  # pixels, half of a wide page
MOST_COLUMNS = 6  # of a table on half a page


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph."""

    text: str
    kind: ClassVar[str] = "words"


@dataclass(frozen=True, slots=True)
class Tiles:
    """A few values at a glance."""

    values: Mapping[str, Any]
    kind: ClassVar[str] = "tiles"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and what they are, folded under a summary if there is one."""

    values: Mapping[str, Any]
    summary: str = ""
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True, slots=True)
class Strong:
    """A value of a table that stands out."""

    value: Any


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below headings, the first column naming the rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    kind: ClassVar[str] = "table"


@dataclass(frozen=True, slots=True)
class Code:
    """Text to copy, folded under a summary if there is one."""

    text: str
    summary: str = ""
    kind: ClassVar[str] = "code"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure, what it shows in a sentence, and the smallest and largest width in pixels."""

    svg: Markup
    caption: str
    least: int
    most: int
    kind: ClassVar[str] = "drawing"


Block = Words | Tiles | Facts | Table | Code | Drawing


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        name: its anchor.
        title: its heading.
        blocks: what stands in it.
        left_out: why nothing does.
    """

    name: str
    title: str
    blocks: tuple[Block, ...] = ()
    left_out: str = ""

    @property
    def is_narrow(self) -> bool:
        """Whether it is figures and small tables, which leave room for another beside it."""
        drawings = [each for each in self.blocks if isinstance(each, Drawing)]
        tables = [each for each in self.blocks if isinstance(each, Table)]
        return (
            bool(drawings)
            and all(each.most <= HALF for each in drawings)
            and all(len(each.columns) <= MOST_COLUMNS for each in tables)
        )


@dataclass(frozen=True, slots=True)
class Page:
    """A report.

    Attributes:
        title: what it is about.
        subtitle: in a line below.
        sections: in order.
        footer: what made it.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    footer: str


def render(page: Page) -> str:
    """The HTML document."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = cell
    environment.tests["strong"] = lambda value: isinstance(value, Strong)
    return environment.get_template("page.html.j2").render(page=page)


def drawing(name: str, figure: Figure, caption: str) -> Drawing:
    """A figure as a block; ``name`` tells its ids from those of other figures in the page."""
    root = ElementTree.fromstring(to_bytes(figure, ".svg", transparent=True))
    natural = PIXELS_PER_POINT * float(root.get("viewBox", "0 0 0 0").split()[2])
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.attrib |= {"role": "img", "aria-label": caption}
    for parent in root.iter():
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    for element in root.iter():
        adapt(element, name)
    svg = ElementTree.tostring(root, encoding="unicode")
    return Drawing(Markup(svg), caption, round(LEAST_ZOOM * natural), round(MOST_ZOOM * natural))


def adapt(element: ElementTree.Element, name: str) -> None:
    """Make an SVG element part of a page: no namespaces, its own ids, black as the page's text."""
    element.tag = element.tag.rpartition("}")[2]
    if link := element.attrib.pop(SVG_LINK, None):
        element.set("href", link)
    for key, value in element.attrib.items():
        if key == "id":
            element.set(key, f"{name}-{value}")
        elif key == "href" and value.startswith("#"):
            element.set(key, f"#{name}-{value[1:]}")
        elif key == "style":
            element.set(key, COLOUR.sub(lambda found: ADAPTED.get(found[0], found[0]), value))
        elif value.startswith("url(#"):
            element.set(key, f"url(#{name}-{value[5:]}")


def cell(value: Any) -> str:
    """A value as a page shows it; what is undefined or not there is a dash."""
    if isinstance(value, Strong):
        return cell(value.value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}"
    return re.sub(r"\s+", " ", str(value))
