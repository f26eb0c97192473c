"""What somebody asks to be fused: a rule, what happens to the branches first, the name of the branch that comes out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from promptad_db.errors import UsageError
from promptad_db.fusion.calibration import CALIBRATIONS
from promptad_db.fusion.rules import RULES, mean, weighted
from promptad_db.records import BRANCHES, Branch, BranchKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptad_db.fusion.rules import Rule

Kind = Literal["elementwise", "oracle", "by-type", "gate", "gate-hard"]

BY_TYPE_BOUND = "its image AUROC cannot beat that of max: normal images score max, anomalous ones max or less"
FUSED_NOTE = "fused from the stored semantic and memory scores"
RULE_NAMES = (*RULES, "weighted:0.3", "rank-mean", "oracle", "by-type", "gate", "gate-hard")

_NOTES: dict[str, str] = {
    "rank-mean": f"{FUSED_NOTE}: the mean of their ranks among the category's test scores",
    "oracle": "upper bound: uses the labels",
    "by-type": f"{FUSED_NOTE}: uses the defect type (breakage, missing: semantic; texture: memory; else max)",
    "gate": f"{FUSED_NOTE} by a learned gate, a soft weight an image",
    "gate-hard": f"{FUSED_NOTE} by a learned gate, one branch an image",
}
_BRANCH_KINDS: dict[str, BranchKind] = {
    **dict.fromkeys((*RULES, "rank_mean", "by_type"), "fusion"),
    **dict.fromkeys(("gate", "gate_hard"), "gate"),
    **dict.fromkeys(("oracle", "reported_oracle"), "oracle"),
}
_KINDS: dict[str, Kind] = {"oracle": "oracle", "by-type": "by-type", "gate": "gate", "gate-hard": "gate-hard"}
_CALIBRATED = {
    "minmax": "each branch on 0..1 first, by the lowest and highest of the category's test scores",
    "rank": "each branch as ranks among the category's test scores first",
    "zscore-normal": "each branch first in standard deviations of the K shots' scores from their mean",
}


@dataclass(frozen=True)
class Recipe:
    """One fusion: the branch that it makes, how, and the note that says so.

    ``function`` is there for element-wise rules. ``calibrate`` comes before the rule; with ``half`` an element-wise rule
    is computed in float16.
    """

    branch: str
    kind: Kind
    note: str
    function: Rule | None = None
    calibrate: str = "none"
    half: bool = False
    keeps_maps: bool = False

    @property
    def fair(self) -> bool:
        """Whether it knows nothing of the image that a detector in use would not know."""
        return self.kind not in ("oracle", "by-type")

    @property
    def described(self) -> Branch:
        """What its branch is, as runs store it."""
        if self.learned:
            return Branch("gate", self.kind.replace("-", "_"), self.calibrate)
        own = branch_of(self.branch)
        return own if own.rule else Branch("fusion", self.branch, self.calibrate)

    @property
    def learned(self) -> bool:
        """Whether it needs a gate that was trained on other categories."""
        return self.kind in ("gate", "gate-hard")


def branch_of(name: str) -> Branch:
    """What a branch is whose name is reserved: a rule, a calibration behind it; any other name is of a base branch."""
    whole = name.removesuffix("_float16")
    suffixes = {f"_{calibration.replace('-', '_')}": calibration for calibration in _CALIBRATED}
    suffix = next((suffix for suffix in suffixes if whole.endswith(suffix)), "")
    rule, calibration = whole.removesuffix(suffix), suffixes.get(suffix, "none")
    if rule == "rank_mean":
        calibration = "rank"
    kind = "fusion" if _is_weighted(rule) else _BRANCH_KINDS.get(rule)
    return Branch(kind, rule + name[len(whole) :], calibration) if kind else Branch()


def recipes(
    rules: Sequence[str], calibrate: str = "none", *, half: bool = False, name: str | None = None
) -> list[Recipe]:
    """The recipes of rules as users write them: ``max``, ``weighted:0.3``, ``rank-mean``, ...

    A ``name`` tells gates of several trainings apart: it is put behind the names of their branches, gate_NAME.
    Raises UsageError for a rule or calibration that does not exist, and for two that cannot go together.
    """
    if not rules:
        raise UsageError("no rule given", f"--rule takes {', '.join(RULE_NAMES)}")
    if calibrate not in CALIBRATIONS:
        raise UsageError(f"there is no calibration {calibrate!r}", f"use one of {', '.join(CALIBRATIONS)}")
    chosen = [_recipe(rule, calibrate, half=half) for rule in rules]
    twice = [branch for branch, count in Counter(recipe.branch for recipe in chosen).items() if count > 1]
    if twice:
        raise UsageError(f"two rules make the branch {twice[0]}", "give each rule once")
    return chosen if name is None else [_named(recipe, name) for recipe in chosen]


def custom_recipe(function: Rule, name: str | None, calibrate: str = "none") -> Recipe:
    """The recipe of a function of two arrays, semantic and memory, that makes the branch ``name``."""
    if not name or not name.strip():
        raise UsageError("a rule of your own needs a name for its branch", 'give name="my_rule"')
    reserved = {*BRANCHES, *RULES, *(rule.replace("-", "_") for rule in _NOTES)}
    if name in reserved or name.split("_")[0] in _KINDS:
        raise UsageError(f"the name {name!r} belongs to a branch or rule of promptad-db", "give another name")
    note = _with_calibration(f"{FUSED_NOTE} by a function of the user's", calibrate)
    return Recipe(name, "elementwise", note, function, calibrate, keeps_maps=True)


def _named(recipe: Recipe, name: str) -> Recipe:
    branch = f"{recipe.branch}_{name}"
    if not recipe.learned:
        raise UsageError(f"a name is for gates, {recipe.branch} is always the same", "leave it out")
    if not name.strip() or branch_of(branch).rule:
        raise UsageError(f"the name {name!r} makes the branch {branch}, which is another one", "give another name")
    return replace(recipe, branch=branch)


def _recipe(rule: str, calibrate: str, *, half: bool) -> Recipe:
    kind = _KINDS.get(rule, "elementwise")
    if half and kind != "elementwise":
        raise UsageError(f"--float16 is for element-wise rules, not for {rule}", "leave one of them out")
    if rule == "rank-mean":
        if calibrate != "none":
            raise UsageError("rank-mean calibrates by ranks itself", f"leave out rank-mean or --calibrate {calibrate}")
        return Recipe(_branch("rank_mean", "none", half=half), kind, _note(rule, "none", half=half), mean, "rank", half)
    function = _function(rule) if kind == "elementwise" else None
    branch = _branch(rule.replace(":", "_").replace("-", "_"), calibrate, half=half)
    keeps_maps = kind in ("gate", "gate-hard")
    return Recipe(branch, kind, _note(rule, calibrate, half=half), function, calibrate, half, keeps_maps)


def _is_weighted(rule: str) -> bool:
    """Whether a branch is called as weighted:SHARE calls its own."""
    name, _, share = rule.partition("_")
    try:
        return name == "weighted" and 0 <= float(share) <= 1
    except ValueError:
        return False


def _function(rule: str) -> Rule:
    if rule in RULES:
        return RULES[rule]
    name, _, text = rule.partition(":")
    if name == "weighted":
        return weighted(_share(rule, text))
    raise UsageError(f"there is no fusion rule {rule!r}", f"use one of {', '.join(RULE_NAMES)}")


def _share(rule: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"{rule}: weighted needs the semantic branch's share, 0 to 1", "for example weighted:0.3")
    return share


def _branch(name: str, calibrate: str, *, half: bool) -> str:
    suffix = "" if calibrate == "none" else f"_{calibrate.replace('-', '_')}"
    return f"{name}{suffix}{'_float16' if half else ''}"


def _note(rule: str, calibrate: str, *, half: bool) -> str:
    note = _NOTES.get(rule, FUSED_NOTE)
    if rule.startswith("weighted:"):
        share = _share(rule, rule.partition(":")[2])
        note = f"{FUSED_NOTE}: {share:g} x semantic + {1 - share:g} x memory"
    return _with_calibration(f"{note}, computed in float16" if half else note, calibrate)


def _with_calibration(note: str, calibrate: str) -> str:
    return f"{note}; {_CALIBRATED[calibrate]}" if calibrate in _CALIBRATED else note
