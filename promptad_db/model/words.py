"""The words of the prompts: what a category is called, which abnormal states its prompts name, and what the variants
say beside: the attributes of normal material, and the local parts with states of their own.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

from promptad_db.errors import InputError
from promptad_db.storage.files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PLACE = "{}"
PUBLISHED = ("prompts.toml", "attributes.toml", "spatial_groups.toml")
_TABLES = ("general", "class_names", "states", "attributes", "groups")


@dataclass(frozen=True)
class LocalGroup:
    """A local pair of prompts: how its part is called, and what can be wrong there; ``{}`` stands for the category."""

    name: str
    states: tuple[str, ...]


@dataclass(frozen=True)
class PromptWords:
    """The words of one category. ``class_name`` stands in its prompts, in the abnormal ones at the ``{}`` of
    ``patterns``. ``attributes`` are words by kind, ``groups`` the local pairs.
    """

    class_name: str
    patterns: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, LocalGroup] = field(default_factory=dict)

    @property
    def states(self) -> tuple[str, ...]:
        """The abnormal states, whole texts."""
        return tuple(pattern.replace(PLACE, self.class_name) for pattern in self.patterns)

    @property
    def normal(self) -> str:
        """The text of the normal prompt, behind its context."""
        return f"{self.class_name}."

    @property
    def abnormal(self) -> tuple[str, ...]:
        """The texts of the hand-made abnormal prompts, behind their context."""
        return tuple(f"{state.strip()}." for state in self.states)

    def called(self, name: str) -> PromptWords:
        """The same words with another name in every prompt."""
        return replace(self, class_name=name)

    def local(self, group: LocalGroup) -> PromptWords:
        """The words of one local pair: the part's name, and its own states behind those of the category."""
        name, *own = (text.replace(PLACE, self.class_name) for text in (group.name, *group.states))
        return PromptWords(name, (*self.states, *own))


@dataclass(frozen=True)
class Vocabulary:
    """General states, and names and states by category; a category that is not listed has the general ones.
    ``attributes`` and ``groups`` are those of every category.
    """

    general: tuple[str, ...]
    class_names: dict[str, str]
    states: dict[str, tuple[str, ...]]
    attributes: dict[str, tuple[str, ...]]
    groups: dict[str, LocalGroup]

    def words_of(self, category: str) -> PromptWords:
        """The words of one category."""
        name = self.class_names.get(category, category.replace("_", " "))
        return PromptWords(name, (*self.general, *self.states.get(category, ())), self.attributes, self.groups)

    def joined(self, added: Vocabulary) -> Vocabulary:
        """With the entries of ``added`` beside these or in their place; its groups, if any, are all groups."""
        return Vocabulary(
            added.general or self.general,
            {**self.class_names, **added.class_names},
            {**self.states, **added.states},
            {**self.attributes, **added.attributes},
            added.groups or self.groups,
        )


def load_vocabulary(extra: Path | None = None) -> Vocabulary:
    """The words that come with the package, joined with those of ``extra``, a TOML file of the same tables.

    Raises InputError, naming the file, for anything that is not of this shape.
    """
    folder = resources.files("promptad_db.model")
    vocabulary = Vocabulary((), {}, {}, {}, {})
    for name in PUBLISHED:
        vocabulary = vocabulary.joined(_parse((folder / name).read_text("utf-8"), name))
    if extra is None:
        return vocabulary
    return vocabulary.joined(_parse(read_text(extra), str(extra)))


def _parse(text: str, name: str) -> Vocabulary:
    try:
        content = tomllib.loads(text)
    except RecursionError as error:
        raise InputError(f"{name}: nested too deeply") from error
    except ValueError as error:
        raise InputError(f"{name}: not valid TOML ({error})") from error
    unknown = sorted(set(content) - set(_TABLES))
    if unknown:
        raise InputError(f"{name}: knows no {unknown[0]!r}", f"it may hold {', '.join(_TABLES)}")
    tables = {table: content.get(table, {}) for table in _TABLES[1:]}
    for table, value in tables.items():
        if not isinstance(value, dict):
            raise InputError(f"{name}: class_names, states, attributes and groups must be tables, {table} is not")
    if not all(_is_text(value) for value in tables["class_names"].values()):
        raise InputError(f"{name}: class_names must map a category to a text")
    return Vocabulary(
        _states(content.get("general", []), name, "general"),
        dict(tables["class_names"]),
        {category: _states(listed, name, f"states.{category}") for category, listed in tables["states"].items()},
        {kind: _words(listed, name, f"attributes.{kind}") for kind, listed in tables["attributes"].items()},
        {group: _group(listed, name, f"groups.{group}") for group, listed in tables["groups"].items()},
    )


def _states(listed: Any, name: str, where: str) -> tuple[str, ...]:
    if not isinstance(listed, list) or not all(isinstance(state, str) and PLACE in state for state in listed):
        raise InputError(f"{name}: {where} must be a list of texts that hold {PLACE}, the place of the category's name")
    return tuple(listed)


def _words(listed: Any, name: str, where: str) -> tuple[str, ...]:
    if not isinstance(listed, list) or not all(_is_text(word) for word in listed):
        raise InputError(f"{name}: {where} must be a list of words")
    return tuple(listed)


def _group(content: Any, name: str, where: str) -> LocalGroup:
    if not isinstance(content, dict) or set(content) != {"name", "states"}:
        raise InputError(f"{name}: {where} must be a table of a name and states")
    part = content["name"]
    if not isinstance(part, str) or PLACE not in part:
        raise InputError(f"{name}: {where}.name must be a text that holds {PLACE}, the place of the category's name")
    return LocalGroup(part, _states(content["states"], name, f"{where}.states"))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
