"""The tiny model: small, loaded offline, and better than chance on what it never saw."""

import socket

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the tiny model needs torch")
pytest.importorskip("open_clip", reason="the tiny model needs open_clip")

from open_clip.model import CLIP  # noqa: E402

from promptad_db.datasets import synthetic  # noqa: E402
from promptad_db.model import tiny  # noqa: E402
from promptad_db.model.tiny import captions, evaluate, train  # noqa: E402
from promptad_db.model.tiny.tokenizer import UNKNOWN  # noqa: E402

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def model_and_tokenizer():
    return tiny.load_tiny()


def test_its_files_are_small():
    files = (tiny.WEIGHTS, tiny.CONFIG, tiny.VOCABULARY)
    assert sum(path.stat().st_size for path in files) < 5 * MEGABYTE


def test_it_loads_without_a_network_as_a_plain_open_clip_model(monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    model, tokenizer = tiny.load_tiny()
    assert type(model) is CLIP
    assert not model.training
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}
    assert model.token_embedding.num_embeddings == tokenizer.vocab_size
    assert model.visual.grid_size == (15, 15)
    assert 1 < model.logit_scale.item() <= train.HIGHEST_LOGIT_SCALE + 0.01


def test_its_vocabulary_is_that_of_the_captions_and_knows_no_held_out_name(model_and_tokenizer):
    _, tokenizer = model_and_tokenizer
    assert tokenizer.vocab_size == len(captions.vocabulary()) + 4
    for category in synthetic.CATEGORIES:
        known = UNKNOWN not in tokenizer.encode(synthetic.class_name(category))
        assert known == (category not in synthetic.HELD_OUT)


def test_known_words_come_back_from_the_tokens(model_and_tokenizer):
    _, tokenizer = model_and_tokenizer
    tokens = tokenizer(["Weave with  scratch.", "teapot", "damaged wood " * 40])
    assert (tokens.shape, tokens.dtype) == ((3, tokenizer.context_length), torch.int64)
    assert tokenizer.decode(tokens[0].tolist()) == "weave with scratch ."
    assert set(tokens[1].tolist()) == {tokenizer.start, UNKNOWN, tokenizer.end, 0}
    assert tokens.max(dim=-1).values.tolist() == [tokenizer.end] * 3
    assert tokens[2].argmax() == tokenizer.context_length - 1


def test_texts_tell_defects_from_normal_material_in_held_out_categories(model_and_tokenizer):
    found = [evaluate.evaluate(*model_and_tokenizer, name, good=8, per_defect=4) for name in synthetic.HELD_OUT]
    image, pixel = np.mean(found, axis=0)
    assert image > 0.6
    assert pixel > 0.7


def test_texts_tell_defects_from_normal_material_in_seen_categories_of_other_seeds(model_and_tokenizer):
    found = [evaluate.evaluate(*model_and_tokenizer, name, good=6, per_defect=3) for name in ("leather", "nut", "tile")]
    image, pixel = np.mean(found, axis=0)
    assert image > 0.6
    assert pixel > 0.7


def test_training_pairs_differ_by_the_defect_and_depend_on_their_number_alone():
    from promptad_db.model.tiny.world import World

    short, long = World(4, 3)[2], World(4, 30)[2]
    assert np.array_equal(short.images, long.images)
    assert (short.captions, short.name) == (long.captions, long.name)
    assert 0 < short.mask.sum() < short.mask.size / 2
    assert not any(name in " ".join(short.captions) for name in synthetic.HELD_OUT)


@pytest.mark.slow
def test_the_first_steps_of_training_lower_the_loss_and_repeat_bit_for_bit(tmp_path):
    def steps(count):
        pool = train.draw_pool(32, seed=7, workers=0)
        made = list(train.train(pool, count, seed=7))
        weights = train.WEIGHTS_OF_LOSSES
        return made[-1][0], [sum(weights[name] * loss for name, loss in step.losses.items()) for _, step in made]

    model, losses = steps(60)
    assert np.mean(losses[-10:]) < np.mean(losses[:10])
    assert steps(3)[1] == steps(3)[1]
    train.save(model, tmp_path / "tiny.safetensors")
    loaded, _ = tiny.load_tiny(tmp_path / "tiny.safetensors")
    assert torch.allclose(loaded.visual.proj, model.visual.proj, atol=1e-3)
