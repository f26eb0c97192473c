"""Local pairs of prompts: one pair is the baseline, and more of them follow the patches."""

import pytest
import torch
from test_model_clip import pictures
from torch.nn import functional

from promptad_db.model.baseline import Baseline
from promptad_db.model.branch import Setup
from promptad_db.model.groups import GroupWeights, cluster
from promptad_db.model.promptad import Training
from promptad_db.model.spatial_prompts import SpatialPrompts
from promptad_db.model.variants import BRANCHES
from promptad_db.model.words import LocalGroup, load_vocabulary

TASKS = pytest.mark.parametrize("task", ["cls", "seg"])
WHOLE = '[groups.whole]\nname = "{}"\nstates = []\n'


def setup_of(encoder, task, prompts=None, category="leather"):
    return Setup(encoder, load_vocabulary(prompts).words_of(category), task, encoder.temperature, 111)


def shots_of(encoder, task, count=2):
    features = encoder.encode_images(pictures(encoder, count))
    return features.image if task == "cls" else features.patches


def fitted(branch, shots, judge=None, epochs=4):
    branch.fit(shots, Training(epochs=epochs), judge)
    branch.refresh()
    return branch


def one_pair(tmp_path):
    path = tmp_path / "one.toml"
    path.write_text(WHOLE)
    return path


@TASKS
def test_one_local_pair_is_the_baseline_to_the_last_bit(encoder, task, tmp_path):
    setup = setup_of(encoder, task, one_pair(tmp_path))
    shots, tested = shots_of(encoder, task), shots_of(encoder, task, 5)
    baseline = fitted(Baseline(setup), shots, epochs=20)
    spatial = fitted(SpatialPrompts(setup), shots, epochs=20)
    assert torch.equal(spatial.score(tested), baseline.score(tested))
    for name, value in baseline.state().items():
        assert torch.equal(spatial.state()[name][0], value)


def test_one_local_pair_chooses_the_epoch_of_the_baseline(encoder, tmp_path):
    setup = setup_of(encoder, "seg", one_pair(tmp_path))
    shots, tested = shots_of(encoder, "seg"), shots_of(encoder, "seg", 5)
    branches = [
        fitted(kind(setup), shots, lambda score: float(score(tested).std()), epochs=6)
        for kind in (Baseline, SpatialPrompts)
    ]
    assert len({branch.describe()["epoch"] for branch in branches}) == 1
    assert torch.equal(*(branch.score(tested) for branch in branches))


@TASKS
@pytest.mark.parametrize("variant", ["spatial_prompts", "vision_guided"])
def test_a_seed_gives_the_same_scores_bit_for_bit_and_another_seed_others(encoder, task, variant):
    setup, shots = setup_of(encoder, task), shots_of(encoder, task)
    other = Setup(encoder, setup.words, task, setup.temperature, 112)
    one, again, different = (fitted(BRANCHES[variant](each), shots) for each in (setup, setup, other))
    assert torch.equal(one.score(shots), again.score(shots))
    assert one.describe() == again.describe()
    assert not torch.equal(one.score(shots), different.score(shots))
    assert one.score(shots).shape == shots.shape[:-1]


@TASKS
@pytest.mark.parametrize("variant", ["spatial_prompts", "vision_guided"])
def test_what_was_learned_scores_the_same_when_it_is_loaded(encoder, task, variant):
    setup, shots, tested = setup_of(encoder, task), shots_of(encoder, task), shots_of(encoder, task, 4)
    learned = fitted(BRANCHES[variant](setup), shots)
    other = BRANCHES[variant](Setup(encoder, setup.words, task, setup.temperature, 5))
    other.load(learned.state())
    assert torch.equal(other.score(tested), learned.score(tested))
    assert all(torch.equal(value, learned.state()[name]) for name, value in other.state().items())
    with pytest.raises(KeyError):
        other.load(fitted(Baseline(setup), shots).state())


@pytest.mark.parametrize("variant", ["spatial_prompts", "vision_guided"])
def test_the_epoch_that_the_judge_values_highest_counts(encoder, variant):
    setup, shots = setup_of(encoder, "seg"), shots_of(encoder, "seg")
    values = iter([0.5, 0.9, 0.9, 0.1])
    chosen = fitted(BRANCHES[variant](setup), shots, lambda _score: next(values))
    assert chosen.describe()["epoch"] == 2
    assert not torch.equal(chosen.score(shots), fitted(BRANCHES[variant](setup), shots).score(shots))


def test_every_patch_is_compared_with_text_features_of_its_own(encoder):
    shots, tested = shots_of(encoder, "seg"), shots_of(encoder, "seg", 3)
    branch = fitted(SpatialPrompts(setup_of(encoder, "seg")), shots)
    state = branch.state()
    groups = len(branch.setup.words.groups)
    assert state["prototypes"].shape == (groups, 2, 24)
    offsets = torch.stack([(shots.reshape(-1, 24) @ key).mean() for key in state["prototypes"][:, 0]])
    for patch, score in zip(tested.reshape(-1, 24), branch.score(tested).flatten(), strict=True):
        shares = (100 * (state["prototypes"][:, 0] @ patch - offsets)).softmax(0)
        text = sum(share * pair for share, pair in zip(shares, state["prototypes"], strict=True))
        assert abs(float((encoder.temperature * text @ patch).softmax(0)[1]) - float(score)) < 1e-5


def test_training_moves_each_group_to_the_patches_that_it_wins(encoder):
    shots = shots_of(encoder, "seg", 4)
    setup = setup_of(encoder, "seg")
    first, last = (fitted(SpatialPrompts(setup), shots, epochs=epochs) for epochs in (1, 60))

    def own_similarity(branch):
        keys = branch.state()["keys"]
        shares = GroupWeights(keys, branch.state()["offsets"])(shots)
        return float((shares * (shots @ keys.T)).sum(-1).mean())

    assert own_similarity(last) > own_similarity(first)


def test_the_description_names_the_groups_and_their_shares(encoder):
    described = fitted(SpatialPrompts(setup_of(encoder, "seg")), shots_of(encoder, "seg")).describe()
    assert described["groups"] == ["surface", "edge", "color", "structure"]
    assert len(described["shares"]) == 4
    assert abs(sum(described["shares"]) - 1) < 1e-3
    assert (described["epoch"], described["sharpness"]) == (4, 100.0)


def test_a_group_speaks_of_its_part_beside_what_the_category_knows():
    words = load_vocabulary().words_of("leather")
    local = words.local(LocalGroup("edge of {}", ("torn edge of {}",)))
    assert (local.normal, local.states) == ("edge of leather.", (*words.states, "torn edge of leather"))
    assert words.local(LocalGroup("{}", ())).states == words.states


def test_clusters_are_found_and_no_more_than_there_are(encoder):
    middles = functional.normalize(torch.eye(24)[:3] + 0.01, dim=-1)
    noise = torch.randn(3, 20, 24, generator=torch.Generator().manual_seed(2)) * 0.02
    features = functional.normalize(middles[:, None] + noise, dim=-1).flatten(0, 1)
    centres = cluster(features, 3, torch.Generator().manual_seed(1))
    assert sorted((centres @ middles.T).argmax(1).tolist()) == [0, 1, 2]
    assert float((centres @ middles.T).amax(1).min()) > 0.99
    again = cluster(features, 3, torch.Generator().manual_seed(1))
    assert torch.equal(centres, again)
    assert len(cluster(features[:1].repeat(5, 1), 4, torch.Generator())) == 1
    assert len(cluster(features[:2], 4, torch.Generator())) == 2
