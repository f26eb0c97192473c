import pytest
import reference_promptad as reference
import torch

from promptad_db.errors import InputError, UsageError
from promptad_db.model.backbone import scaled_layers
from promptad_db.model.clip import ClipEncoder


def pictures(encoder, count=2):
    return torch.randn(count, 3, *encoder.image_size, generator=torch.Generator().manual_seed(1))


def check_against_reference(encoder, tap="public"):
    images = pictures(encoder)
    found = encoder.encode_images(images)
    with torch.no_grad():
        wanted = reference.image_features(encoder.model, images, encoder.memory_layers, tap)
    for one, other in zip((found.image, found.patches, *found.memory), wanted, strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() < 1e-5
    with torch.no_grad():
        assert (found.image - encoder.model.encode_image(images, normalize=True)).abs().max() < 1e-5


def test_features_equal_a_plain_implementation(encoder):
    check_against_reference(encoder)


def test_block_outputs_can_be_tapped_instead(small_clip, encoder):
    other = ClipEncoder(small_clip, memory_tap="block_output")
    check_against_reference(other, "block_output")
    images = pictures(encoder)
    assert (other.encode_images(images).memory[0] - encoder.encode_images(images).memory[0]).abs().max() > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ViT-B-16-plus-240", "ViT-B-16"])
def test_features_of_real_backbones_equal_a_plain_implementation(name):
    encoder = ClipEncoder(name)
    check_against_reference(encoder)
    assert encoder.memory_layers == (2, 7)


def test_memory_features_alone_are_the_same_as_beside_the_others(encoder):
    images = pictures(encoder)
    both, alone = encoder.encode_images(images).memory, encoder.encode_memory(images)
    assert torch.equal(both[0], alone[0])
    assert torch.equal(both[1], alone[1])


def test_memory_layers_scale_with_the_depth():
    assert scaled_layers(12) == (2, 7)
    assert scaled_layers(24) == (5, 15)
    assert scaled_layers(4) == (0, 2)


def test_random_weights_are_the_same_each_time_and_have_a_hash(small_clip, encoder):
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    again = ClipEncoder(small_clip)
    assert torch.equal(before, torch.random.get_rng_state())
    assert again.weights_sha256 == encoder.weights_sha256


def test_a_local_checkpoint_is_loaded(small_clip, encoder, tmp_path):
    from safetensors.torch import save_file

    weights = {name: value + 0.01 for name, value in encoder.model.state_dict().items()}
    save_file(weights, tmp_path / "weights.safetensors")
    loaded = ClipEncoder(small_clip, str(tmp_path / "weights.safetensors"))
    assert torch.equal(loaded.model.visual.proj, weights["visual.proj"])
    assert loaded.weights_sha256 != encoder.weights_sha256


def test_a_checkpoint_with_code_in_it_is_not_run(small_clip, tmp_path):
    import os
    import pickle

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "boom"),)

    (tmp_path / "weights.pt").write_bytes(pickle.dumps({"a": Bomb()}))
    with pytest.raises(InputError, match="cannot be loaded"):
        ClipEncoder(small_clip, str(tmp_path / "weights.pt"))
    assert not (tmp_path / "boom").exists()


def test_lower_precision_is_close_and_answers_in_float32(small_clip, encoder):
    images = pictures(encoder)
    rough = ClipEncoder(small_clip, precision="bf16").encode_images(images)
    assert rough.patches.dtype == torch.float32
    assert (rough.patches - encoder.encode_images(images).patches).abs().max() < 0.05


@pytest.mark.parametrize(
    ("name", "pretrained", "device", "said"),
    [
        ("no-such-model", "random", "cpu", "no model"),
        ("RN50", "random", "cpu", "not a plain CLIP ViT"),
        ("ViT-B-16", "no-such-tag", "cpu", "laion400m_e32"),
        ("ViT-B-16", "random", "abacus", "no device"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_mend(name, pretrained, device, said):
    with pytest.raises(UsageError, match=said):
        ClipEncoder(name, pretrained, device)


def test_images_of_another_size_are_refused(encoder):
    with pytest.raises(InputError, match=r"wanted \[B, 3, 48, 48\]"):
        encoder.encode_images(torch.zeros(1, 3, 32, 48))


def test_preprocessing_is_the_usual_one(encoder):
    from PIL import Image

    picture = Image.effect_noise((60, 80), 50).convert("RGB")
    found = encoder.preprocess([picture])
    from torchvision.transforms import functional, InterpolationMode  # noqa: I001 - the peer, beside its use

    wanted = functional.to_tensor(functional.resize(picture, [48, 48], InterpolationMode.BICUBIC))
    wanted = functional.normalize(wanted, (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
    assert (found[0] - wanted).abs().max() < 1e-6


def test_texts_are_encoded_as_open_clip_does(encoder):
    texts = ["leather", "shiny brown woven leather with a very long name", "very " * 90]
    with torch.no_grad():
        wanted = encoder.model.encode_text(encoder.tokenizer(texts), normalize=True)
    assert (encoder.encode_texts(texts) - wanted).abs().max() < 1e-6
    assert (encoder.encode_texts(texts[:1]) - wanted[:1]).abs().max() < 1e-6


def test_without_text_the_text_encoder_is_gone_and_the_hash_is_the_same(small_clip, encoder):
    images = pictures(encoder)
    bare = ClipEncoder(small_clip, text=False)
    assert bare.model.transformer is None
    assert bare.weights_sha256 == encoder.weights_sha256
    assert torch.equal(bare.encode_memory(images)[0], encoder.encode_memory(images)[0])
