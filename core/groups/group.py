"""What groups of settings have in common: how they are read, and what is said of a wrong value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from archwright.core.errors import InputError
from archwright.core.words import nearest


def several(given: Any) -> Any:
    """One word stands for a list of one; TOML and the journal know lists only."""
    if isinstance(given, str):
        return (given,)
    return tuple(given) if isinstance(given, list | tuple) else given


Words = Annotated[tuple[str, ...], BeforeValidator(several)]


class SettingsGroup(BaseModel):
    """Settings that belong together, as one table of `archwright.toml`.

    Raises:
        InputError: an unknown name, a value of the wrong type or out of range.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )
    table: ClassVar[str] = ""
    """The table of `archwright.toml` that holds the fields of the group itself."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        for field in cls.model_fields.values():
            field.description = " ".join((field.description or "").split())

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_line(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(values)
        except ValidationError as error:
            raise InputError(_explain(error, cls)) from None

    def given(self) -> dict[str, Any]:
        """What was set, without what was left at its default."""
        return self.model_dump(exclude_unset=True)

    def to_json(self) -> dict[str, Any]:
        """Plain data, for the journal."""
        return self.model_dump()

    def changed(self, **changes: Any) -> Self:
        """A copy with some values changed, checked as the whole is."""
        return type(self)(**{**self.model_dump(), **changes})


def keywords(group: type[SettingsGroup]) -> Iterator[tuple[str, str]]:
    """Every name that a setting goes by, with the field's own: `("model", "models")`."""
    for name, field in group.model_fields.items():
        yield name, name
        if isinstance(field.validation_alias, AliasChoices):
            yield from ((str(other), name) for other in field.validation_alias.choices[1:])


# --- what is wrong --------------------------------------------------------------------------------


def _explain(error: ValidationError, group: type[SettingsGroup]) -> str:
    """The first fault in one line, in the user's words."""
    fault = error.errors(include_url=False)[0]
    name, given = str(fault["loc"][0]), fault["input"]
    context = fault.get("ctx", {})
    if fault["type"] == "extra_forbidden":
        return f"there is no setting {name!r}; {nearest(name, dict(keywords(group)))}"
    if fault["type"] == "finite_number":
        return f"{name} must be a finite number, not {given}"
    if name == "gpus":
        return f"gpus must be a list of indices such as [0], not {given!r}"
    if fault["type"] == "greater_than_equal":
        return f"{name} must be at least {context['ge']:g}, not {given}"
    if fault["type"] == "greater_than":
        return f"{name} must be more than {context['gt']:g}, not {given}"
    if fault["type"] == "less_than_equal":
        return f"{name} must be at most {context['le']:g}, not {given}"
    if fault["type"] == "literal_error":
        known = context["expected"].replace("'", "")
        known = f"{known[4:]} or left out" if known.startswith(" or ") else known
        return f"{name} must be {known}, not {given!r}"
    kind = {"tuple_type": "list"}.get(fault["type"], fault["type"].partition("_")[0])
    # What is given in place of a text may hold one that is not for all eyes.
    shown = type(given).__name__ if kind == "string" else repr(given)
    return f"{name} must be of type {kind}, not {shown}"
