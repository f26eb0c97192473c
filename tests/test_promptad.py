import numpy as np
import pytest
import reference_promptad as reference
import torch
from test_model_clip import pictures

from promptad_db.errors import InputError
from promptad_db.fusion import fuse_scores
from promptad_db.metrics import render
from promptad_db.model.promptad import (
    CONTEXTS,
    Objective,
    Training,
    loss_of,
    memory_maps,
    nearest_similarities,
    neighbour_margins,
    semantic_scores,
    train,
)
from promptad_db.model.prompts import ContextSizes, PromptLearner
from promptad_db.model.words import load_vocabulary

WORDS = load_vocabulary().words_of("metal_nut")


def learner_for(encoder, task, seed=3):
    return PromptLearner(encoder, WORDS, CONTEXTS[task], torch.Generator().manual_seed(seed))


def train_on(learner, shots, task, temperature, training, judge=None):
    objective = Objective(shots, task, temperature)
    return train(learner, lambda text: loss_of(text, objective), training, judge)


@pytest.mark.parametrize("task", ["cls", "seg"])
def test_packed_prompts_equal_each_prompt_by_itself(encoder, task):
    learner = learner_for(encoder, task)
    found = learner()
    wanted = reference.prompt_features(
        encoder.model, encoder.tokenizer, WORDS.class_name, WORDS.states, *learner.contexts().values()
    )
    for one, other in zip((found.normal, found.handmade, found.learned), wanted, strict=True):
        assert one.shape == other.shape
        assert (sorted_rows(one) - sorted_rows(other)).abs().max() < 1e-5


def sorted_rows(rows):
    return torch.stack(sorted(rows.detach(), key=lambda row: tuple(row.tolist())))


@pytest.mark.parametrize("task", ["cls", "seg"])
def test_a_whole_training_follows_the_plain_optimiser(encoder, task):
    check_training(encoder, task, Training().epochs)


def check_training(encoder, task, epochs):
    features = encoder.encode_images(pictures(encoder))
    shots = features.image if task == "cls" else features.patches
    learner = learner_for(encoder, task)
    contexts = list(learner.contexts().values())
    trained = train_on(learner, shots, task, encoder.temperature, Training(epochs=epochs))
    losses, prototypes = reference.train(
        encoder.model,
        encoder.tokenizer,
        WORDS.class_name,
        WORDS.states,
        shots,
        contexts,
        encoder.temperature,
        task,
        epochs,
    )
    assert len(trained.losses) == epochs == trained.epoch
    assert np.abs(np.array(trained.losses) - losses).max() < 1e-4
    assert trained.losses[-1] < trained.losses[0]
    assert (trained.prototypes - prototypes).abs().max() < 1e-4


def test_maps_and_their_fusion_equal_the_plain_ones(encoder):
    features = encoder.encode_images(pictures(encoder, 3))
    gallery = encoder.encode_images(pictures(encoder, 5) + 0.5).memory
    with torch.no_grad():
        prototypes = learner_for(encoder, "seg")().prototypes()
    textual = semantic_scores(features.patches, prototypes, 4.6)
    visual = memory_maps(nearest_similarities(features.memory, gallery))
    plain_textual = reference.semantic(features.patches, prototypes, 4.6)
    plain_visual = reference.memory(features.memory, gallery)
    assert (textual - plain_textual).abs().max() < 1e-5
    assert (visual - plain_visual).abs().max() < 1e-5
    grids = [scores.reshape(3, *encoder.grid) for scores in (textual, visual, plain_textual, plain_visual)]
    fused = render(fuse_scores("harmonic", grids[0].numpy(), grids[1].numpy()), 40, 40)
    plain = torch.nn.functional.interpolate((1 / (1 / grids[2] + 1 / grids[3]))[:, None], (40, 40), mode="bilinear")
    from scipy.ndimage import gaussian_filter

    wanted = np.stack([gaussian_filter(one, sigma=4) for one in plain[:, 0].numpy()])
    assert np.abs(fused - wanted).max() < 1e-5


def test_a_gallery_of_some_shots_is_the_maximum_over_them(encoder):
    features = encoder.encode_images(pictures(encoder, 2)).memory
    gallery = encoder.encode_images(pictures(encoder, 4) + 0.5).memory
    shared = nearest_similarities(features, gallery)
    some = tuple(shots[[0, 3]] for shots in gallery)
    assert torch.equal(memory_maps(shared[[0, 3]]), memory_maps(nearest_similarities(features, some)))


def test_the_same_seed_gives_the_same_prompts_bit_for_bit(encoder):
    shots = encoder.encode_images(pictures(encoder)).image
    one, other = (
        train_on(learner_for(encoder, "cls"), shots, "cls", 4.6, Training(epochs=5)).contexts for _ in range(2)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_best_epoch_is_the_first_that_the_judge_values_highest(encoder):
    shots = encoder.encode_images(pictures(encoder)).image
    values = iter([0.5, 0.9, 0.9, 0.1])
    chosen = train_on(
        learner_for(encoder, "cls"), shots, "cls", 4.6, Training(epochs=4), lambda _prototypes: next(values)
    )
    assert chosen.epoch == 2
    again = learner_for(encoder, "cls")
    again.load_contexts(chosen.contexts)
    assert torch.equal(again().prototypes(), chosen.prototypes)


def test_published_words_know_every_category_of_both_data_sets():
    from promptad_db.datasets.categories import KINDS

    vocabulary = load_vocabulary()
    for categories in KINDS.values():
        assert set(categories) <= set(vocabulary.states)
    assert vocabulary.words_of("pcb3").class_name == "printed circuit board"
    assert WORDS.states[0] == "damaged metal nut"
    assert WORDS.abnormal[-1] == "metal nut with scratch."
    assert vocabulary.words_of("rubber_duck").states[-1] == "rubber duck with damage"


def test_a_file_of_prompts_adds_categories(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[class_names]\nduck = "rubber duck"\n[states]\nduck = ["{} without beak"]\n')
    words = load_vocabulary(path).words_of("duck")
    assert (words.class_name, words.states[-1], len(words.states)) == ("rubber duck", "rubber duck without beak", 9)
    assert words.called("yellow duck").states[-1] == "yellow duck without beak"


def test_a_file_of_prompts_adds_attributes_and_replaces_groups(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[attributes]\nsmell = ["sweet"]\nshape = []\n[groups.rim]\nname = "rim of {}"\nstates = ["bent rim of {}"]\n'
    )
    words = load_vocabulary(path).words_of("bottle")
    assert (words.attributes["smell"], words.attributes["shape"]) == (("sweet",), ())
    assert words.attributes["color"] == WORDS.attributes["color"]
    (rim,) = (words.local(group) for group in words.groups.values())
    assert (rim.normal, rim.states[:-1], rim.states[-1]) == ("rim of bottle.", words.states, "bent rim of bottle")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("general = [", "not valid TOML"),
        ('general = ["no place"]', "general must be a list"),
        ('states = ["x"]', "must be tables"),
        ("[class_names]\nduck = 1", "must map"),
        ("[attributes]\nsmell = [1]", "attributes.smell must be a list of words"),
        ("[groups]\nrim = 1", "groups.rim must be a table of a name and states"),
        ('[groups.rim]\nname = "rim"\nstates = []', "groups.rim.name must be a text that holds"),
        ("[other]\nduck = 1", "knows no 'other'"),
    ],
)
def test_a_broken_file_of_prompts_is_named(tmp_path, text, said):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        load_vocabulary(path)
    assert str(path) in str(caught.value)


def test_a_prompt_too_long_for_the_model_is_named(encoder):
    words = load_vocabulary().words_of("very " * 80)
    with pytest.raises(InputError, match="takes 77"):
        PromptLearner(encoder, words, ContextSizes(1), torch.Generator())


def test_the_neighbour_margin_is_that_of_the_least_normal_patch():
    similar = torch.tensor([[0.9, 0.2], [0.8, 0.5], [0.1, 0.45]])[:, None, None].expand(-1, 2, -1, -1)
    assert torch.allclose(neighbour_margins(similar), torch.tensor([0.05]))
    assert torch.equal(neighbour_margins(similar[:1]), torch.zeros(1))
