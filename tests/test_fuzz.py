"""No bytes make a reader do anything but take a file or refuse it: the cases found by fuzzing, and changed sound files."""

import sys
import warnings
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FUZZ = Path(__file__).parent / "fuzz"
sys.path.insert(0, str(FUZZ))

from mutations import mutated  # noqa: E402
from targets import TARGETS  # noqa: E402

CASES = sorted(FUZZ.glob("corpus/*/*"))


@pytest.fixture(autouse=True)
def _as_outside_of_tests():
    """Warnings are warnings here, as they are for users, and no errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_every_reader_has_cases():
    assert {path.parent.name for path in CASES} == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_no_known_case_breaks_its_reader(name, tmp_path):
    for path in sorted((FUZZ / "corpus" / name).iterdir()):
        TARGETS[name](path.read_bytes(), tmp_path)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=25, deadline=5000, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_no_change_of_a_sound_file_breaks_its_reader(name, tmp_path, seed):
    random = Random(seed)
    raw = random.choice(sorted((FUZZ / "corpus" / name).iterdir())).read_bytes()
    TARGETS[name](mutated(raw, TARGETS[name].kind, random), tmp_path)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=25, deadline=5000, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=200))
def test_no_bytes_at_all_break_a_reader(name, tmp_path, raw):
    TARGETS[name](raw, tmp_path)
