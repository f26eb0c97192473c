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
