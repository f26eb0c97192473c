"""Templates into one HTML file: its style, its scripts and its data inside, and a policy that forbids all else."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from promptad_db.plots import chart_script
from promptad_db.tables.html import templates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup


@dataclass(frozen=True)
class Figure:
    """A chart in a page: its name and heading, what it shows in words, its specification, notes."""

    name: str
    title: str
    alt_text: str
    spec: Markup
    notes: tuple[str, ...] = ()


def html_file(template: str, *, title: str, charts: Sequence[Figure], **content: Any) -> str:
    """The page that a template makes, every value escaped.

    Its policy lets the scripts inside it run, by their hashes, and nothing else: no network, no eval.
    """
    from markupsafe import Markup

    scripts = [chart_script()] if charts else []
    scripts.append(_text("page.js"))
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = templates("promptad_db.page").get_template(template)
    return page.render(
        title=title,
        charts=charts,
        policy=policy,
        style=Markup(_text("style.css")),  # noqa: S704 - our own file
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - our own file, and a script made to be inlined
        **content,
    )


def json_inside(content: Any) -> Markup:
    """JSON that may stand in a script element: no character of it can end that element or begin another."""
    from markupsafe import Markup

    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped above


def data_address(png: bytes) -> str:
    """A picture as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _text(name: str) -> str:
    return (resources.files("promptad_db.page") / "templates" / name).read_text("utf-8")
