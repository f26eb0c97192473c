"""Fuzz one reader: ``python tests/fuzz/run.py TARGET [--runs N] [--seed N] [--corpus DIR]``.

With atheris installed the mutation is guided by what code of promptad_db it reaches; without it, it is random. New
inputs that reach new code are kept in the corpus folder, an input that is a finding is written beside it, and the
exit code is not zero.
"""

from __future__ import annotations

import argparse
import faulthandler
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from targets import Target

SEEDS = Path(__file__).parent / "corpus"
SECONDS = 10
MEGABYTES = 2048
LONGEST = 1 << 16
BY_STRUCTURE = 0.5


def main() -> None:
    """Fuzz the target of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="where new inputs are kept; by default nowhere")
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    given = parser.parse_args()
    given.findings.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        kept = given.corpus or Path(folder) / "corpus"
        kept.mkdir(parents=True, exist_ok=True)
        try:
            import atheris
        except ImportError:
            _without_guide(given, Path(folder))
        else:
            with atheris.instrument_imports(include=["promptad_db"]):
                from targets import TARGETS
            _guided(atheris, TARGETS[given.target], given, kept, Path(folder))
    print(f"{given.target}: {given.runs} runs, no finding, {time.monotonic() - started:.0f} s")


def _guided(atheris, target: Target, given: argparse.Namespace, kept: Path, folder: Path) -> None:
    from mutations import mutated

    def mutate(raw: bytes, largest: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < BY_STRUCTURE:
            return mutated(raw, target.kind, random)[:largest]
        return atheris.Mutate(raw, largest)

    options = (
        f"-runs={given.runs}", f"-seed={given.seed}", f"-max_len={LONGEST}", f"-timeout={SECONDS}", "-len_control=0",
        f"-rss_limit_mb={MEGABYTES}", f"-artifact_prefix={given.findings}/{given.target}-", "-print_final_stats=1",
        str(kept), str(SEEDS / given.target),
    )  # fmt: skip
    atheris.Setup(["fuzz", *options], lambda raw: target(raw, folder), custom_mutator=mutate)
    atheris.Fuzz()


def _without_guide(given: argparse.Namespace, folder: Path) -> None:
    from targets import TARGETS

    target = TARGETS[given.target]
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (2 * MEGABYTES << 20,) * 2)
    for number, raw in enumerate(_random_inputs(target, given)):
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            target(raw, folder)
        except Exception:  # noqa: BLE001 - any is a finding
            traceback.print_exc()
            finding = given.findings / f"{given.target}-{given.seed}-{number}"
            finding.write_bytes(raw)
            sys.exit(f"finding: {finding}")
    faulthandler.cancel_dump_traceback_later()


def _random_inputs(target: Target, given: argparse.Namespace) -> Iterator[bytes]:
    from mutations import mutated

    random = Random(given.seed)
    seeds = [path.read_bytes() for path in sorted((SEEDS / given.target).iterdir())]
    for _ in range(given.runs):
        yield mutated(random.choice(seeds), target.kind, random)[:LONGEST]


if __name__ == "__main__":
    main()
