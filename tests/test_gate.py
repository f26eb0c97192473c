"""The learned gate: label-free signals in, a weight out, learned on other categories alone, to the last bit the same."""

import json

import numpy as np
import pytest
from scipy import stats

from promptad_db.errors import InputError, UsageError
from promptad_db.fusion.gate import Gate, gate_of_document, hard, may_train_on, trained_gate
from promptad_db.fusion.gate_examples import GateTrainer, example_of
from promptad_db.fusion.gate_signals import (
    GateCell,
    GateExample,
    advantage_of_semantic,
    signals_of_cell,
    signals_of_maps,
    signals_of_scores,
    truth_on_grid,
)
from promptad_db.records import CategoryResult, RunInfo


def cell(category, dataset="mvtec", task="cls", k_shot=1, run_id="r"):
    return GateCell(run_id, dataset, category, k_shot, 111, task)


def example(category, seed=0, sign=1, **fields):
    """Forty images, on which semantic is the better branch where the signal is high (or, with sign -1, low)."""
    random = np.random.default_rng(seed)
    signal = random.normal(size=40)
    return GateExample(
        cell(category, **fields), {"one": signal, "two": random.normal(size=40)}, sign * np.tanh(3 * signal)
    )


def test_an_image_is_ranked_by_the_images_of_the_other_class_ties_one_half():
    truth = np.array([True, True, False, False])
    semantic, memory = np.array([0.9, 0.2, 0.1, 0.2]), np.array([0.1, 0.5, 0.5, 0.0])
    assert advantage_of_semantic(semantic, memory, truth).tolist() == [1 - 0.5, 0.75 - 0.75, 1 - 0.25, 0.75 - 1]


def test_pixels_are_ranked_within_their_category_and_averaged_by_class():
    truth = np.array([[[True, False]], [[False, False]]])
    semantic, memory = np.array([[[0.9, 0.1]], [[0.2, 0.3]]]), np.array([[[0.15, 0.1]], [[0.2, 0.1]]])
    assert advantage_of_semantic(semantic, memory, truth) == pytest.approx([1 - (2 / 3 + 1) / 2, 1 - 0.5])


@pytest.mark.parametrize("label", [True, False])
def test_one_class_teaches_nothing(label):
    assert advantage_of_semantic(np.arange(3.0), np.arange(3.0), np.full(3, label)) is None


def test_a_place_of_the_grid_is_anomalous_when_one_of_its_pixels_is():
    masks = np.zeros((1, 7, 5), dtype=bool)
    masks[0, 6, 0] = masks[0, 0, 4] = True
    assert truth_on_grid(masks, 3, 2).tolist() == [[[False, True], [False, False], [True, False]]]


def test_the_shape_of_a_map_and_the_agreement_of_two_are_signals():
    flat, peaked = np.full((1, 3, 3), 0.5), np.zeros((1, 3, 3))
    peaked[0, 1, 1] = 1
    signals = signals_of_maps({"semantic": flat, "memory": peaked})
    assert (signals["semantic_entropy"], signals["memory_entropy"]) == (pytest.approx(1), pytest.approx(0))
    assert signals["semantic_peak"] == 0
    assert signals["memory_peak"] == pytest.approx((1 - 1 / 9) / peaked.std())
    assert signals["agreement_pearson"] == signals["agreement_spearman"] == 0
    same = signals_of_maps({"semantic": peaked, "memory": 2 * peaked})
    assert same["agreement_pearson"] == same["agreement_spearman"] == pytest.approx(1)


def test_every_map_of_a_stack_has_the_signals_that_it_has_alone():
    random = np.random.default_rng(0)
    maps = {branch: random.random((3, 4, 5)) for branch in ("semantic", "memory")}
    together = signals_of_maps(maps)
    for number in range(3):
        alone = signals_of_maps({branch: stack[number : number + 1] for branch, stack in maps.items()})
        assert {name: values[number] for name, values in together.items()} == pytest.approx(
            {name: values[0] for name, values in alone.items()}
        )


def test_entropy_and_agreement_are_those_of_scipy():
    random = np.random.default_rng(1)
    maps = {branch: random.random((2, 3, 4)) ** 2 for branch in ("semantic", "memory")}
    signals = signals_of_maps(maps)
    for number in range(2):
        one, other = (maps[branch][number].ravel() for branch in ("semantic", "memory"))
        assert signals["semantic_entropy"][number] == pytest.approx(stats.entropy(one - one.min()) / np.log(12))
        assert signals["agreement_pearson"][number] == pytest.approx(stats.pearsonr(one, other).statistic)
        assert signals["agreement_spearman"][number] == pytest.approx(stats.spearmanr(one, other).statistic)


def test_maps_of_one_place_are_flat_and_maps_of_two_sizes_have_no_signals():
    signals = signals_of_maps({"semantic": np.full((2, 1, 1), 0.5), "memory": np.full((2, 1, 1), 0.1)})
    assert signals["semantic_entropy"].tolist() == signals["memory_entropy"].tolist() == [1, 1]
    assert signals_of_maps({"semantic": np.zeros((2, 3, 3)), "memory": np.zeros((2, 3, 4))}) == {}


def test_margins_are_above_the_mean_of_the_shots_own_scores():
    scores = {"semantic": np.array([0.5, 0.7]), "memory": np.array([0.1, 0.2])}
    shots = {"semantic": np.float32([0.2, 0.4]), "memory": np.zeros((2, 3, 3), np.float32)}
    shots["memory"][:, 1, 1] = 0.125
    signals = signals_of_scores(scores, shots)
    assert signals["semantic_margin"] == pytest.approx([0.2, 0.4])
    assert signals["memory_margin"] == pytest.approx([-0.025, 0.075])
    assert set(signals_of_scores(scores, {})) == {"semantic_score", "memory_score"}


def test_k_and_the_kind_of_a_category_are_signals():
    assert signals_of_cell(2, 1, "texture")["texture"].tolist() == [1, 1]
    assert signals_of_cell(1, 3, None) == {"log_k": [2], "texture": [0.5]}


def test_a_gate_follows_the_signal_that_tells_the_better_branch():
    examples = [example(name, seed) for seed, name in enumerate(("tile", "wood", "grid"))]
    gate = trained_gate(examples[2], examples, "category")
    weights = gate.weights(examples[2].signals)
    assert ((weights > 0) & (weights < 1)).all()
    assert np.mean((weights > 0.5) == (examples[2].advantage > 0)) > 0.9
    assert set(hard(weights)) == {0.0, 1.0}
    assert {other.category for other in gate.cells} == {"tile", "wood"}
    assert gate.note() == "supervised by the labels of 80 images of 2 other categories, none of this category"


def test_a_weight_is_the_logistic_function_of_the_standardised_signals():
    gate = Gate(("one", "two"), (1.0, -2.0), (2.0, 0.5), (0.7, -0.3), 0.1, "category", 2, (cell("wood"), cell("grid")))
    signals = {"two": np.array([-2.5, 0.0]), "one": np.array([3.0, -5.0])}
    evidence = [0.7 * 1 - 0.3 * -1 + 0.1, 0.7 * -3 - 0.3 * 4 + 0.1]
    assert gate.weights(signals) == pytest.approx([1 / (1 + np.exp(-value)) for value in evidence])
    assert hard(np.array([0.5, np.nextafter(0.5, 0)])).tolist() == [1, 0]


def test_a_large_cell_counts_no_more_than_a_small_one():
    signal = np.random.default_rng(0).normal(2, 3, size=30)
    small = GateExample(cell("wood"), {"one": signal}, np.tanh(signal - 2))
    large = GateExample(cell("grid"), {"one": np.tile(signal, 3)}, -np.tile(small.advantage, 3))
    gate = trained_gate(example("tile"), [small, large], "category")
    assert (gate.coefficients, gate.intercept) == (pytest.approx([0], abs=1e-3), pytest.approx(0, abs=1e-3))
    assert (gate.means, gate.scales) == (pytest.approx([signal.mean()]), pytest.approx([signal.std()]))


def test_an_image_counts_as_much_as_the_branches_differ_on_it():
    signal = np.array([4.0, 6.0] * 20)
    right = [GateExample(cell(name), {"one": signal}, (signal - 5) * 0.9) for name in ("wood", "grid")]
    wrong = [GateExample(cell(name), {"one": signal}, (signal - 5) * -0.1) for name in ("leather", "carpet")]
    gate = trained_gate(example("tile"), right + wrong, "category")
    assert gate.intercept == pytest.approx(0, abs=1e-3)
    assert gate.coefficients[0] == pytest.approx(np.log(9), rel=0.1)  # of 10 parts, 9 speak for the semantic branch


def test_images_that_do_not_tell_the_branches_apart_are_left_out():
    examples = [example(name, seed) for seed, name in enumerate(("tile", "wood", "grid"))]
    examples[1].advantage[:7] = 0
    gate = trained_gate(examples[0], examples, "category")
    assert gate.images == 73
    assert gate.means[0] == pytest.approx(
        np.concatenate([examples[1].signals["one"][7:], examples[2].signals["one"]]).mean()
    )


def test_nothing_of_the_category_itself_enters_at_no_k_and_no_seed():
    examples = [example(name, seed) for seed, name in enumerate(("tile", "wood", "grid"))]
    before = trained_gate(examples[2], examples, "category")
    turned = [example("grid", 2, sign=-1), example("grid", 9, sign=-1, k_shot=4), example("grid", 8, dataset="mine")]
    assert trained_gate(examples[2], examples[:2] + turned, "category") == before


def test_the_order_of_the_lessons_changes_nothing():
    examples = [example(name, seed) for seed, name in enumerate(("tile", "wood", "grid", "carpet"))]
    assert trained_gate(examples[0], examples, "category") == trained_gate(examples[0], examples[::-1], "category")


def test_a_held_out_data_set_teaches_nothing_of_itself():
    assert not may_train_on(cell("tile"), cell("wood"), "dataset")
    assert may_train_on(cell("tile"), cell("pcb1", dataset="visa"), "dataset")
    assert not may_train_on(cell("tile"), cell("wood", task="seg"), "category")
    with pytest.raises(UsageError, match="hold_out"):
        may_train_on(cell("tile"), cell("wood"), "image")


@pytest.mark.parametrize(
    ("others", "hold_out", "reason"),
    [
        ([], "category", "hold 0"),
        ([example("wood")], "category", "hold 1"),
        ([example("wood"), GateExample(cell("grid"), {"one": np.zeros(2)}, None)], "category", "hold 1"),
        ([example("wood"), example("grid")], "dataset", "other datasets"),
        ([GateExample(cell(name), {"one": np.arange(2.0)}, np.ones(2)) for name in ("wood", "grid")], "category", "everywhere"),
        ([GateExample(cell(name), {"one": np.arange(2.0)}, np.zeros(2)) for name in ("wood", "grid")], "category", "nowhere"),
    ],
)  # fmt: skip
def test_too_little_to_learn_from_is_said(others, hold_out, reason):
    with pytest.raises(InputError, match=reason):
        trained_gate(example("tile"), others, hold_out)


def test_a_signal_that_one_teacher_lacks_is_left_out_and_a_constant_one_does_no_harm():
    first, second, third = (example(name, seed) for seed, name in enumerate(("tile", "wood", "grid")))
    first.signals.pop("two")
    for one in (first, second, third):
        one.signals["constant"] = np.full(40, 0.3)
    gate = trained_gate(third, [first, second], "category")
    assert gate.signals == ("one", "constant")
    assert gate.scales[1] == 1
    assert np.isfinite(gate.weights(third.signals)).all()


def test_the_weight_of_an_image_does_not_depend_on_the_images_beside_it():
    examples = [example(name, seed) for seed, name in enumerate(("tile", "wood", "grid"))]
    gate = trained_gate(examples[2], examples, "category")
    one = {name: values[:1] for name, values in examples[2].signals.items()}
    assert gate.weights(one)[0] == gate.weights(examples[2].signals)[0]


def test_a_gate_survives_json_to_the_last_bit():
    examples = [example(name, seed) for seed, name in enumerate(("tile", "wood", "grid"))]
    gate, weights = GateTrainer(examples, "category").apply(examples[0])
    again = gate_of_document(json.loads(json.dumps(gate.document())))
    assert again == gate
    assert np.array_equal(again.weights(examples[0].signals), weights)


@pytest.mark.parametrize(
    "change",
    [{"format": 2}, {"scales": [0.0, 1.0]}, {"means": [1.0]}, {"intercept": "x"}, {"cells": [{}]}, {"more": 1}],
)
def test_a_gate_that_cannot_be_trusted_is_refused(change):
    examples = [example(name, seed) for seed, name in enumerate(("tile", "wood", "grid"))]
    document = trained_gate(examples[0], examples, "category").document()
    with pytest.raises(InputError, match="not a gate"):
        gate_of_document({**document, **change})


MAPS = {branch: np.random.default_rng(seed).random((4, 2, 2)) for seed, branch in enumerate(("semantic", "memory"))}
MASKS = np.zeros((4, 4, 4), dtype=bool)
MASKS[2:, :2, :2] = True
MASKS[3] = ~MASKS[3]


def example_on(*, task="seg", weights=None, teach=True, **changes):
    """The example of four images, of which two are anomalous."""
    info = RunInfo("r", "e", "m", "baseline", task, "mvtec", 1, 111, "2026-01-01T00:00:00+00:00", status="finished")
    fields = {
        "images": [f"{number}.png" for number in range(4)],
        "labels": np.array([0, 0, 1, 1], np.int8),
        "scores": {branch: stack.max(axis=(1, 2)) for branch, stack in MAPS.items()},
        "maps": MAPS,
        "masks": MASKS,
    }
    options = {"teach": True} if teach else {}
    return example_of(info, CategoryResult("tile", **(fields | changes)), weights or {}, "texture", **options)


def test_a_seg_run_teaches_by_its_pixels_and_a_cls_run_by_its_images():
    pixels, images = example_on(), example_on(task="cls")
    assert np.array_equal(pixels.advantage, advantage_of_semantic(*MAPS.values(), truth_on_grid(MASKS, 2, 2)))
    scores = (stack.max(axis=(1, 2)) for stack in MAPS.values())
    assert np.array_equal(images.advantage, advantage_of_semantic(*scores, np.array([False, False, True, True])))
    assert pixels.cell == cell("tile", task="seg")


@pytest.mark.parametrize(
    "changes",
    [
        {"teach": False},
        {"masks": None},
        {"maps": {"semantic": MAPS["semantic"]}},
        {"maps": MAPS | {"memory": np.zeros((4, 3, 3))}},
        {"task": "cls", "labels": None},
        {"task": "cls", "teach": False},
    ],
)
def test_a_run_without_ground_truth_or_both_maps_trains_nothing_but_may_be_weighted(changes):
    made = example_on(**changes)
    assert made.advantage is None
    assert made.signals["semantic_score"].tolist() == MAPS["semantic"].max(axis=(1, 2)).tolist()
    assert ("semantic_peak" in made.signals) == ("maps" not in changes)


def test_what_a_run_kept_beside_its_scores_is_a_signal():
    weights = {"shots_memory": np.float32([0.25]), "neighbour_margin": np.float32([1, 2, 3, 4])}
    signals = example_on(weights=weights).signals
    assert signals["neighbour_margin"].tolist() == [1, 2, 3, 4]
    assert signals["memory_margin"] == pytest.approx(MAPS["memory"].max(axis=(1, 2)) - 0.25)
    assert (signals["log_k"].tolist(), signals["texture"].tolist()) == ([1] * 4, [1] * 4)
    assert "semantic_margin" not in signals
    assert "neighbour_margin" not in example_on(weights={"neighbour_margin": np.float32([1, 2])}).signals


def test_a_gate_is_trained_once_for_all_that_may_train_on_the_same():
    trainer = GateTrainer([example(name, seed) for seed, name in enumerate(("tile", "wood", "grid"))], "category")
    first, again, other = example("tile", 0), example("tile", 5, k_shot=4), example("wood", 1)
    assert trainer.apply(first)[0] is trainer.apply(again)[0]
    assert trainer.apply(other)[0] != trainer.apply(first)[0]
    again.signals.pop("two")
    assert trainer.apply(again)[0].signals == ("one",)
