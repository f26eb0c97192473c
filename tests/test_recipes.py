"""What somebody asks to be fused has one name, says how it is made, and is refused when it cannot be meant."""

import numpy as np
import pytest

from promptad_db.errors import InputError, UsageError
from promptad_db.fusion import FUSED_NOTE, RULES, fuse_scores
from promptad_db.fusion.by_type import branch_of_type, branches_by_type
from promptad_db.fusion.recipes import custom_recipe, recipes

MVTEC_DEFECTS = """
bent bent_lead bent_wire broken broken_large broken_small broken_teeth cable_swap color combined contamination crack cut
cut_inner_insulation cut_lead cut_outer_insulation damaged_case defective fabric_border fabric_interior faulty_imprint flip
fold glue glue_strip gray_stroke hole liquid manipulated_front metal_contamination misplaced missing_cable missing_wire
oil pill_type poke poke_insulation print rough scratch scratch_head scratch_neck split_teeth squeeze squeezed_teeth
thread thread_side thread_top
""".split()  # noqa: SIM905 - a table of words


@pytest.mark.parametrize(
    ("rule", "calibrate", "branch"),
    [
        ("max", "none", "max"),
        ("weighted:0.3", "none", "weighted_0.3"),
        ("rank-mean", "none", "rank_mean"),
        ("by-type", "none", "by_type"),
        ("gate-hard", "none", "gate_hard"),
        ("max", "minmax", "max_minmax"),
        ("gate", "zscore-normal", "gate_zscore_normal"),
    ],
)
def test_a_branch_is_named_after_its_rule_and_calibration(rule, calibrate, branch):
    assert recipes([rule], calibrate)[0].branch == branch


def test_float16_stands_in_the_name_and_in_the_note():
    (recipe,) = recipes(["harmonic"], half=True)
    assert recipe.branch == "harmonic_float16"
    assert "float16" in recipe.note


def test_plain_rules_say_the_same_as_the_runner():
    assert {recipe.note for recipe in recipes(["max", "harmonic", "mean"])} == {FUSED_NOTE}


def test_rules_with_help_say_so():
    oracle, by_type, gate = recipes(["oracle", "by-type", "gate"])
    assert oracle.note == "upper bound: uses the labels"
    assert "uses the defect type" in by_type.note
    assert [recipe.fair for recipe in (oracle, by_type, gate)] == [False, False, True]


def test_a_weight_is_the_share_of_the_semantic_branch():
    (recipe,) = recipes(["weighted:0.25"])
    assert fuse_scores(recipe.function, [1.0, 0.0], [0.0, 4.0]).tolist() == [0.25, 3.0]
    assert "0.25 x semantic + 0.75 x memory" in recipe.note


@pytest.mark.parametrize(
    ("rules", "options", "reason"),
    [
        ((), {}, "no rule"),
        (("median",), {}, "'median'"),
        (("weighted",), {}, "share"),
        (("weighted:2",), {}, "share"),
        (("weighted:nan",), {}, "share"),
        (("max", "max"), {}, "two rules make the branch max"),
        (("rank-mean",), {"calibrate": "minmax"}, "calibrates by ranks itself"),
        (("oracle",), {"half": True}, "element-wise"),
        (("max",), {"calibrate": "softmax"}, "no calibration"),
    ],
)
def test_what_cannot_be_meant_is_refused(rules, options, reason):
    with pytest.raises(UsageError, match=reason):
        recipes(rules, **options)


def test_gates_and_functions_keep_their_maps_and_other_rules_do_not():
    made = recipes(["max", "rank-mean", "oracle", "by-type", "gate", "gate-hard"])
    assert [recipe.branch for recipe in made if recipe.keeps_maps] == ["gate", "gate_hard"]
    assert [recipe.branch for recipe in made if recipe.learned] == ["gate", "gate_hard"]
    mine = custom_recipe(np.minimum, "mine", "minmax")
    assert (mine.branch, mine.function, mine.calibrate, mine.keeps_maps) == ("mine", np.minimum, "minmax", True)
    assert mine.note.startswith(f"{FUSED_NOTE} by a function of the user's; each branch on 0..1 first")
    assert (mine.fair, mine.learned, mine.half) == (True, False, False)


def test_ranks_are_averaged_and_float16_is_for_element_wise_rules_alone():
    (ranks,) = recipes(["rank-mean"], half=True)
    assert (ranks.branch, ranks.calibrate, ranks.half) == ("rank_mean_float16", "rank", True)
    assert ranks.function(np.array([0.0, 1.0]), np.array([1.0, 1.0])).tolist() == [0.5, 1.0]
    (highest,) = recipes(["max"], "rank")
    assert (highest.branch, highest.calibrate, highest.half) == ("max_rank", "rank", False)
    assert highest.function is RULES["max"]
    assert [recipe.function for recipe in recipes(["oracle", "gate"])] == [None, None]


@pytest.mark.parametrize("name", [None, " ", "semantic", "max", "gate_of_mine", "oracle", "rank_mean"])
def test_a_function_needs_a_name_that_is_free(name):
    with pytest.raises(UsageError, match="name"):
        custom_recipe(np.minimum, name)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda semantic, _memory: semantic[:1], r"shape \(1,\)"),
        (lambda semantic, _memory: semantic / 0, "NaN or infinite"),
        (lambda semantic, _memory: semantic.astype(str), "must make numbers"),
        (lambda semantic, _memory: semantic[9], "the rule fails: IndexError"),
    ],
)
def test_a_function_that_answers_nonsense_is_named(function, reason):
    with np.errstate(divide="ignore"), pytest.raises(InputError, match=reason):
        fuse_scores(function, [1.0, 2.0], [3.0, 4.0])


def test_what_a_function_answers_is_taken_in_the_type_of_the_branches():
    semantic, memory = np.float32([[0.1, 0.9]]), np.float32([[0.5, 0.2]])
    fused = fuse_scores(lambda one, other: (one + other).astype(np.float64), semantic, memory)
    assert fused.dtype == np.float32
    assert np.array_equal(fused, semantic + memory)


def test_what_a_function_tells_apart_stays_apart():
    semantic, memory = np.float32([1, 1, 1]), np.float32([0.1, 0.2, 0.3])
    fused = fuse_scores(lambda one, other: one - other.astype(np.float64) * 1e-9, semantic, memory)
    assert fused.dtype == np.float64
    assert fused.tolist() == (1 - memory.astype(np.float64) * 1e-9).tolist()
    whole = fuse_scores(lambda _one, _other: np.arange(3) + 2**24, semantic, memory)
    assert whole.tolist() == [2**24, 2**24 + 1, 2**24 + 2]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (np.ma.masked_equal([1.0, 2.0], 2.0), "what the rule makes is not an array .*masked"),
        (np.array([1.0, 2.0], object), "the rule makes object"),
        (np.array([1.0, 2.0], complex), "the rule makes complex128"),
        (np.array([2**53, 2**53 + 1]), r"the rule's scores hold integers above 2\^53"),
        (1 + np.arange(2) * np.finfo(np.longdouble).eps, "the rule's scores hold .* float64 would merge"),
    ],
    ids=str,
)
def test_an_answer_whose_digits_would_be_lost_is_refused(answer, reason):
    with pytest.raises(InputError, match=reason):
        fuse_scores(lambda _one, _other: answer, [1.0, 2.0], [3.0, 4.0])


def test_a_function_cannot_change_the_branches():
    def spoils(semantic, memory):
        semantic += memory
        return semantic

    with pytest.raises(ValueError, match="read-only"):
        fuse_scores(spoils, [1.0], [2.0])


def test_every_defect_type_of_mvtec_has_a_branch():
    assert set(MVTEC_DEFECTS) == set(branch_of_type())
    assert set(branch_of_type().values()) == {"semantic", "memory", "max"}


def test_breakage_and_missing_parts_are_semantic_textures_memory_and_the_rest_max():
    kinds = ["broken_large", "missing_wire", "rough", "flip", "good", None, "never seen"]
    assert branches_by_type(kinds) == ["semantic", "semantic", "memory", "max", "max", "max", "max"]
