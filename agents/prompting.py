"""Renders prompts from Markdown templates. No words to a model stand in Python.

`ROLE.OPERATOR.md` serves a role's questions about an operator, and `ROLE.md` all others. Templates
are Jinja with undefined variables refused; a workspace's own template of the same name takes the
place of the built-in one. Untrusted text goes through `fenced`, which picks a fence
longer than any in the text, so that it can be seen where data begins and ends.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, TemplateError

from archwright.agents.questions import Typed
from archwright.core import OPTIMIZERS, RECIPE_BOUNDS, SCHEDULES, InputError


class Prompts:
    """The templates of a workspace.

    Args:
        overrides: a folder whose templates take the place of the built-in ones; may not exist.
    """

    def __init__(self, overrides: Path | None = None) -> None:
        self._overrides = overrides
        self._environment = Environment(
            loader=FunctionLoader(self._read),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            keep_trailing_newline=True,
        )
        self._environment.filters |= {"fenced": fenced, "tuple": tuple}
        self._environment.globals |= {
            "optimizers": OPTIMIZERS,
            "schedules": SCHEDULES,
            "recipe_bounds": RECIPE_BOUNDS,
        }

    def render(self, role: str, question: Typed) -> str:
        """The prompt of a role for a question.

        Raises:
            InputError: a template is missing, broken, or names something that is not there.
        """
        fields: dict[str, Any] = {
            name: getattr(question, name) for name in type(question).model_fields
        }
        return self.fill(self.template_of(role, question), fields)

    def render_correction(self, role: str, reason: str) -> str:
        """What is said to a role whose answer cannot be used.

        Raises:
            InputError: the template `correction.md` is broken.
        """
        return self.fill("correction.md", {"role": role, "reason": reason})

    def template_of(self, role: str, question: Typed) -> str:
        """The name of the template that serves a question."""
        operator = getattr(question, "operator", None) or getattr(
            getattr(question, "idea", None), "operator", None
        )
        own = f"{role}.{operator}.md"
        known = operator and re.fullmatch(r"\w+", operator) and self._read(own) is not None
        return own if known else f"{role}.md"

    def fill(self, name: str, fields: dict[str, Any]) -> str:
        """A template of any name with its fields filled in.

        Raises:
            InputError: it is missing, broken, or names something that is not there.
        """
        try:
            return self._environment.get_template(name).render(fields)
        except TemplateError as error:
            raise InputError(f"the prompt template {name} is broken: {error}") from error

    def _read(self, name: str) -> str | None:
        own = self._overrides / name if self._overrides else None
        if own is not None and own.is_file():
            return own.read_text(encoding="utf-8")
        # `ROLE.OPERATOR.md` lies in the folder of its role.
        *folder, last = name.removesuffix(".md").split(".")
        built_in = files("archwright.prompts").joinpath(*folder, f"{last}.md")
        return built_in.read_text(encoding="utf-8") if built_in.is_file() else None


def fenced(text: str, language: str = "") -> str:
    """`text` as a Markdown code block that it cannot close from inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
