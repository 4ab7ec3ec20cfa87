"""A report's page: filled in, so that it harms nobody, and on disk whole or not at all."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.core import RunError
from archwright.core.files import write_whole
from archwright.runs.results.wording import printable

if TYPE_CHECKING:
    from jinja2 import Template


def fill_page(package: str, fields: Mapping[str, Any]) -> str:
    """The `page.html` of a package with its fields filled in.

    Every text on it is escaped and freed of invisible characters, and the page forbids scripts,
    requests and all styles but its own: titles, sources and errors come from strangers.
    """
    from markupsafe import Markup

    style = (files("archwright.runs.results.page") / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    about_style = {"style": Markup(style), "style_hash": f"sha256-{digest}"}
    return _template(package).render({**fields, **about_style})


@functools.cache
def _template(package: str) -> Template:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def visible(value: Any) -> Any:
        plain = isinstance(value, str) and not isinstance(value, Markup)
        return printable(value) if plain else value

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string((files(package) / "page.html").read_text(encoding="utf-8"))


def save_page(page: str, path: Path) -> None:
    """Write a page to `path`; what is there is replaced.

    Raises:
        RunError: the file cannot be written.
    """
    try:
        write_whole(path, page)
    except OSError as error:
        raise RunError(
            f"cannot write the report to {path} ({error.strerror}): name another file with "
            "`archwright report --html FILE`"
        ) from error
