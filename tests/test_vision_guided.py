"""Prompts that describe what the shots look like: near, unlike each other, and short enough."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_model_clip import pictures
from test_spatial_prompts import TASKS, fitted, setup_of, shots_of
from torch.nn import functional

from promptad_db import run_folder
from promptad_db.datasets.synthetic import write_dataset
from promptad_db.model.baseline import Baseline
from promptad_db.model.promptad import CONTEXTS
from promptad_db.model.prompts import fits
from promptad_db.model.vision_guided import VisionGuided, choose
from promptad_db.model.words import PromptWords


def test_the_nearest_words_are_chosen_where_none_resembles_another():
    relevance = torch.tensor([0.1, 0.3, 0.2, 0.4])
    assert choose(relevance, torch.eye(4), ["a", "b", "c", "d"], 3) == [3, 1, 2]


def test_of_two_words_that_say_the_same_the_second_gives_way():
    relevance = torch.tensor([0.9, 0.89, 0.8, 0.1])
    alike = torch.eye(4)
    assert choose(relevance, alike, ["a", "b", "c", "d"], 2) == [0, 1]
    alike[0, 1] = alike[1, 0] = 0.95
    assert choose(relevance, alike, ["a", "b", "c", "d"], 2) == [0, 2]


def test_an_attribute_gives_one_word_at_most():
    relevance = torch.tensor([0.9, 0.8, 0.1])
    assert choose(relevance, torch.eye(3), ["a", "a", "b"], 3) == [0, 2]


def test_shots_that_look_like_a_text_are_described_by_its_word(encoder):
    setup = setup_of(encoder, "cls")
    for word, kind in (("woven", "texture"), ("green", "color"), ("glass", "material")):
        branch = fitted(VisionGuided(setup), encoder.encode_texts([f"{word} leather"]))
        assert branch.describe()["attributes"][0][kind] == word


def test_each_cluster_of_patches_has_its_own_description(encoder):
    texts = encoder.encode_texts(["woven leather", "glass leather"])
    noise = torch.randn(2, 10, 24, generator=torch.Generator().manual_seed(4)) * 0.001
    shots = functional.normalize(texts[:, None] + noise, dim=-1).reshape(1, 20, 24)
    described = fitted(VisionGuided(setup_of(encoder, "seg")), shots).describe()
    assert {words.get("texture") for words in described["attributes"]} >= {"woven"}
    assert {words.get("material") for words in described["attributes"]} >= {"glass"}


@TASKS
def test_descriptions_are_of_known_words_and_stand_in_every_prompt(encoder, task):
    setup = setup_of(encoder, task)
    branch = fitted(VisionGuided(setup), shots_of(encoder, task))
    described = branch.describe()
    assert len(described["descriptions"]) == len(described["shares"]) == (1 if task == "cls" else 4)
    for text, chosen in zip(described["descriptions"], described["attributes"], strict=True):
        assert text == " ".join([*chosen.values(), "leather"])
        assert 1 <= len(chosen) <= 3
        assert all(word in setup.words.attributes[kind] for kind, word in chosen.items())
        order = list(setup.words.attributes)
        assert list(chosen) == sorted(chosen, key=order.index)
    for words, text in zip(branch.words(shots_of(encoder, task)), described["descriptions"], strict=True):
        assert words.normal == f"{text}."
        assert all(text in state for state in words.abnormal)


def test_words_of_the_name_are_not_said_twice(encoder):
    setup = setup_of(encoder, "cls", category="metal_nut")
    shots = encoder.encode_texts(["metal metal nut"])
    assert fitted(VisionGuided(setup), shots).describe()["attributes"][0].get("material") != "metal"


def test_without_attributes_cls_is_the_baseline(encoder, tmp_path):
    setup, shots = setup_of(encoder, "cls"), shots_of(encoder, "cls")
    setup = replace(setup, words=replace(setup.words, attributes={}))
    one, other = (fitted(kind(setup), shots).score(shots) for kind in (VisionGuided, Baseline))
    assert torch.equal(one, other)


def test_a_long_description_is_cut_to_what_the_text_encoder_takes(encoder):
    long = " ".join(["very"] * 30)
    attributes = {kind: (f"{long} {kind}",) for kind in ("a", "b", "c")}
    words = PromptWords("leather", ("damaged {}",), attributes)
    setup = replace(setup_of(encoder, "cls"), words=words)
    shots = encoder.encode_images(pictures(encoder)).image
    branch = fitted(VisionGuided(setup), shots)
    (chosen,) = branch.describe()["attributes"]
    assert len(chosen) == 2
    (cut,) = branch.words(shots)
    assert fits(encoder, cut, CONTEXTS["cls"])
    assert not fits(encoder, cut.called(f"{long} {cut.class_name}"), CONTEXTS["cls"])


def test_a_word_of_the_users_own_can_be_chosen(encoder, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[attributes]\npattern = ["dotted", "zigzag"]\n')
    branch = fitted(VisionGuided(setup_of(encoder, "cls", path)), encoder.encode_texts(["zigzag leather"]))
    assert branch.describe()["attributes"][0]["pattern"] == "zigzag"
    with pytest.raises(KeyError):
        setup_of(encoder, "cls").words.attributes["pattern"]


def test_the_chosen_words_are_stored_and_shown(cli, small_clip, tmp_path):
    write_dataset(tmp_path / "data", categories=("nut",), train=1, test_good=1, test_per_defect=1)
    answer = cli(
        "run", "--dataset", "synthetic", "--data-root", tmp_path / "data", "--model", small_clip, "--pretrained", "random",
        "--epochs", "1", "--resolution", "60", "--task", "seg", "--variant", "vision_guided",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    folder = Path(answer.out.strip())
    learned = run_folder.read_run(folder).config["learned"]["nut"]
    assert len(learned["descriptions"]) == 4
    shown = cli("runs", "show", folder.name)
    assert all(text in shown.out.replace("\n", " ") for text in learned["descriptions"][:1])
    told = json.loads(cli("runs", "show", folder.name, "--format", "json").out)["learned"]
    assert {row["field"]: row["value"] for row in told} == learned
