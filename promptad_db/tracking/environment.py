"""What a number may depend on beside its inputs."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from typing import Any


def describe_environment() -> dict[str, Any]:
    """What a number may depend on: Python, the packages that compute, the platform and the git commit."""
    packages = {}
    for package in ("promptad-db", "numpy", "scipy", "torch", "open_clip_torch"):
        try:
            packages[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
        "git_commit": _git_commit(),
    }


def also_in_this(environment: dict[str, Any]) -> dict[str, Any]:
    """The environment of a run that goes on here: where it differs from what is stored, it is added as ``resumed``."""
    here = describe_environment()
    resumed = environment.get("resumed")
    earlier = resumed if isinstance(resumed, list) else []
    if any(here.items() <= one.items() for one in (environment, *earlier) if isinstance(one, dict)):
        return environment
    return {**environment, "resumed": [*earlier, here]}


def _git_commit() -> str | None:
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - git as the user has it
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
