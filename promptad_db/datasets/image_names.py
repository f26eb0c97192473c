"""What an image is called, so that two runs which found it by different paths call it the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_TEST = "test"


class _Path(NamedTuple):
    parts: list[str]
    rooted: bool


def image_names(category: str, given: Sequence[str]) -> list[str]:
    """The names of a category's images, relative to the data root, whatever it is and however a run reached it.

    Separators are ``/``. Of a path only what comes below the last folder ``test`` counts, ``<defect type>/<file>`` as
    datasets name their images, or ``test/<file>`` for a file directly in it; else, of an absolute path, what begins with
    the folder of the category, or what not all of these paths share. Where two images would get one name, all keep
    theirs. Naming twice is naming once.
    """
    if not any(map(_is_path, given)):
        return list(given)
    paths = [_path_of(name) for name in given]
    places = [path.parts[:-1] for path in paths if path.rooted and not _anchors(path.parts, category)]
    shared = _shared(places)
    names = ["/".join(_relative(path, category, shared)) for path in paths]
    return names if len(set(names)) == len(names) and all(names) else list(given)


def _is_path(name: str) -> bool:
    return name.startswith(("/", ".", f"{_TEST}/")) or any(
        mark in name for mark in ("\\", "//", "/.", f"/{_TEST}/", ":/")
    )


def _path_of(name: str) -> _Path:
    text = name.replace("\\", "/")
    _, remote, rest = text.partition("://")
    rooted = text.startswith(("/", "../")) or bool(remote) or text[1:3] == ":/"
    parts: list[str] = []
    for part in (rest if remote else text).split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return _Path(parts, rooted)


def _relative(path: _Path, category: str, shared: int) -> list[str]:
    parts = path.parts
    starts = _anchors(parts, category)
    if starts and parts[starts[-1]] == _TEST:
        below = parts[starts[-1] + 1 :]
        return below if len(below) > 1 else parts[starts[-1] :]
    if not path.rooted:
        return parts
    return parts[starts[-1] :] if starts else parts[shared:]


def _shared(places: list[list[str]]) -> int:
    """How many folders all of these begin with."""
    levels = (set(level) for level in zip(*places, strict=False))
    return next((depth for depth, level in enumerate(levels) if len(level) > 1), min(map(len, places), default=0))


def _anchors(parts: list[str], category: str) -> list[int]:
    """Where a path may be cut: at its last folder ``test`` or, without one, at the last that is named as the category."""
    folders = parts[:-1]
    tests = [index for index, part in enumerate(folders) if part == _TEST]
    return tests[-1:] or [index for index, part in enumerate(folders) if part == category][-1:]
