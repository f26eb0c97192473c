"""The words of the prompts: what a category is called, and which abnormal states its prompts name."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from promptad_db.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

PLACE = "{}"
_TABLES = ("general", "class_names", "states")


@dataclass(frozen=True)
class PromptWords:
    """``class_name`` stands in the prompts of a category; ``states`` are its abnormal prompts, whole texts."""

    class_name: str
    states: tuple[str, ...]

    @property
    def normal(self) -> str:
        """The text of the normal prompt, behind its context."""
        return f"{self.class_name}."

    @property
    def abnormal(self) -> tuple[str, ...]:
        """The texts of the hand-made abnormal prompts, behind their context."""
        return tuple(f"{state.strip()}." for state in self.states)


@dataclass(frozen=True)
class Vocabulary:
    """General states, and names and states by category; a category that is not listed has the general ones."""

    general: tuple[str, ...]
    class_names: dict[str, str]
    states: dict[str, tuple[str, ...]]

    def words_of(self, category: str) -> PromptWords:
        """The words of one category."""
        name = self.class_names.get(category, category.replace("_", " "))
        states = (*self.general, *self.states.get(category, ()))
        return PromptWords(name, tuple(state.replace(PLACE, name) for state in states))


def load_vocabulary(extra: Path | None = None) -> Vocabulary:
    """The published words, with the entries of ``extra``, a TOML file of the same shape, added or put in their place.

    Raises InputError, naming the file, for anything that is not of this shape.
    """
    own = resources.files("promptad_db.model") / "prompts.toml"
    published = _parse(own.read_text("utf-8"), "prompts.toml")
    if extra is None:
        return published
    try:
        text = extra.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{extra}: cannot be read ({error})") from error
    added = _parse(text, str(extra))
    return Vocabulary(
        added.general or published.general,
        {**published.class_names, **added.class_names},
        {**published.states, **added.states},
    )


def _parse(text: str, name: str) -> Vocabulary:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: not valid TOML ({error})") from error
    unknown = sorted(set(content) - set(_TABLES))
    if unknown:
        raise InputError(f"{name}: knows no {unknown[0]!r}", f"it may hold {', '.join(_TABLES)}")
    names, states = content.get("class_names", {}), content.get("states", {})
    if not isinstance(names, dict) or not isinstance(states, dict):
        raise InputError(f"{name}: class_names and states must be tables")
    if not all(isinstance(value, str) and value.strip() for value in names.values()):
        raise InputError(f"{name}: class_names must map a category to a text")
    return Vocabulary(
        _states(content.get("general", []), name, "general"),
        dict(names),
        {category: _states(listed, name, f"states.{category}") for category, listed in states.items()},
    )


def _states(listed: Any, name: str, where: str) -> tuple[str, ...]:
    if not isinstance(listed, list) or not all(isinstance(state, str) and PLACE in state for state in listed):
        raise InputError(f"{name}: {where} must be a list of texts that hold {PLACE}, the place of the category's name")
    return tuple(listed)
