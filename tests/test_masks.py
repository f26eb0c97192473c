"""Every mask is read by one rule, whatever program wrote it; what cannot be meant as a mask is refused by name."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from promptad_db.datasets.images import load_masks, read_ground_truth, read_mask, read_mask_file
from promptad_db.datasets.layout import LabelledImage
from promptad_db.errors import InputError

TRUTH = np.zeros((48, 56), bool)
TRUTH[10:26, 12:30] = True
TRUTH[40:44, 40:52] = True
GREY = np.where(TRUTH, 255, 0).astype(np.uint8)
SOFT = np.asarray(Image.fromarray(GREY).filter(ImageFilter.GaussianBlur(0.7)))


def palette(indices, *colours):
    image = Image.fromarray(indices.astype(np.uint8), "P")
    image.putpalette([channel for colour in colours for channel in colour])
    return image


def with_alpha(grey, alpha):
    return Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)])


TWO_VALUED = {
    "1 bit": ("png", Image.fromarray(TRUTH)),
    "255": ("png", Image.fromarray(GREY)),
    "255 as BMP": ("bmp", Image.fromarray(GREY)),
    "255 as TIFF": ("tif", Image.fromarray(GREY)),
    "label 1": ("png", Image.fromarray(TRUTH.astype(np.uint8))),
    "label 128": ("png", Image.fromarray(GREY // 2)),
    "LA": ("png", Image.fromarray(GREY).convert("LA")),
    "RGB": ("png", Image.fromarray(GREY).convert("RGB")),
    "RGBA": ("png", Image.fromarray(GREY).convert("RGBA")),
    "red": ("png", Image.fromarray(np.stack([GREY, GREY * 0, GREY * 0], -1))),
    "dark blue": ("png", Image.fromarray(np.stack([GREY * 0, GREY * 0, GREY // 3], -1))),
    "palette": ("png", palette(TRUTH, (0, 0, 0), (128, 0, 0))),
    "half transparent": ("png", with_alpha(GREY, np.full_like(GREY, 90))),
    "transparent background": ("png", with_alpha(GREY, GREY)),
    "16 bit": ("png", Image.fromarray(TRUTH.astype(np.uint16) * 65535)),
    "16 bit, label 1": ("png", Image.fromarray(TRUTH.astype(np.uint16))),
    "32 bit, instance number": ("tif", Image.fromarray(TRUTH.astype(np.int32) * 70000)),
    "floats": ("tif", Image.fromarray(TRUTH.astype(np.float32))),
}
LABELS = TRUTH.astype(np.uint8)
LABELS[40:44] *= 3
LABELLED = {
    "label numbers": ("png", Image.fromarray(LABELS)),
    "label numbers in 16 bit": ("png", Image.fromarray(LABELS.astype(np.uint16))),
    "label numbers and white": ("png", Image.fromarray(np.where(LABELS == 3, 255, LABELS).astype(np.uint8))),
    "shades of grey": ("png", Image.fromarray(np.where(LABELS == 1, 90, LABELS * 80).astype(np.uint8))),
    "dark colours of a palette": ("png", palette(LABELS, (0, 0, 0), (64, 0, 0), (9, 9, 9), (0, 64, 0))),
}
THRESHOLDED = {
    "soft edges": ("png", Image.fromarray(SOFT)),
    "soft edges in TIFF": ("tif", Image.fromarray(SOFT)),
    "soft edges in a grey palette": ("png", palette(SOFT, *((grey,) * 3 for grey in range(256)))),
    "soft edges in RGBA": ("png", Image.fromarray(SOFT).convert("RGBA")),
    "soft edges in 16 bit": ("png", Image.fromarray(SOFT.astype(np.uint16) * 257)),
    "soft edges of 8 in 16 bit": ("png", Image.fromarray(SOFT.astype(np.uint16))),
    "soft edges in floats": ("tif", Image.fromarray((SOFT / 255).astype(np.float32))),
    "JPEG": ("jpg", Image.fromarray(GREY)),
    "JPEG in colour": ("jpg", Image.fromarray(GREY).convert("RGB")),
    "JPEG saved as PNG": ("png", None),
    "a rim of grey": ("png", Image.fromarray(np.where(SOFT > 200, 255, np.where(SOFT > 20, 100, 0)).astype(np.uint8))),
    "black and white of a scan": ("png", Image.fromarray(np.where(TRUTH, 250, 3).astype(np.uint8))),
}


def saved(tmp_path, suffix, image, name="mask"):
    path = tmp_path / f"{name}.{suffix}"
    if image is None:
        Image.fromarray(GREY).save(tmp_path / "lossy.jpg")
        image = Image.open(tmp_path / "lossy.jpg")
    image.save(path)
    return path


@pytest.mark.parametrize(("suffix", "image"), TWO_VALUED.values(), ids=TWO_VALUED)
def test_of_two_values_the_one_that_is_not_black_is_anomalous(tmp_path, suffix, image):
    mask = read_mask_file(saved(tmp_path, suffix, image))
    assert np.array_equal(mask.pixels, TRUTH)
    assert not mask.thresholded


@pytest.mark.parametrize(("suffix", "image"), LABELLED.values(), ids=LABELLED)
def test_every_label_but_black_is_anomalous(tmp_path, suffix, image):
    mask = read_mask_file(saved(tmp_path, suffix, image))
    assert np.array_equal(mask.pixels, TRUTH)
    assert not mask.thresholded


@pytest.mark.parametrize(("suffix", "image"), THRESHOLDED.values(), ids=THRESHOLDED)
def test_greys_are_anomalous_above_half_grey_and_say_so(tmp_path, suffix, image):
    mask = read_mask_file(saved(tmp_path, suffix, image))
    assert mask.thresholded
    # A corner may lose a pixel to the blur; not-black would be larger by all edges.
    assert np.count_nonzero(mask.pixels ^ TRUTH) <= 8
    assert np.count_nonzero(mask.pixels ^ (SOFT > 0)) > 80


@pytest.mark.parametrize(("white", "dtype"), [(255, np.uint8), (65535, np.uint16)])
def test_half_grey_itself_is_normal(tmp_path, white, dtype):
    grey = np.array([[0, white // 2, white // 2 + 1, white]], dtype).repeat(9, axis=0).repeat([40, 1, 1, 6], axis=1)
    Image.fromarray(grey).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png")[0].tolist() == [False] * 41 + [True] * 7


def test_a_jpeg_of_label_numbers_is_no_mask(tmp_path):
    Image.fromarray(TRUTH.astype(np.uint8)).save(tmp_path / "mask.jpg", quality=100)
    mask = read_mask_file(tmp_path / "mask.jpg")
    assert mask.thresholded
    assert not mask.pixels.any()


def bump():
    rows, columns = np.mgrid[:256, :256]
    return (255 * np.exp(-((rows - 90) ** 2 + (columns - 120) ** 2) / 200)).astype(np.uint8)


RANDOM = np.random.default_rng(0)
REFUSED = {
    "noise": (RANDOM.integers(0, 256, (48, 56)).astype(np.uint8), "grey values"),
    "a ramp": (np.tile(np.arange(256, dtype=np.uint8), (40, 1)), "holds 256 grey values"),
    "a photograph": (RANDOM.normal(120, 30, (48, 56, 3)).clip(0, 255).astype(np.uint8), "grey values"),
    "an anomaly map": (bump(), "grey values"),
    "a crop of the image": (np.where(TRUTH, RANDOM.integers(1, 256, TRUTH.shape), 0).astype(np.uint8), "grey values"),
    "white is normal": (255 - GREY, "white stood for normal"),
    "label 1 is normal": ((~TRUTH).astype(np.uint8), "white stood for normal"),
    "floats below zero": (np.where(TRUTH, -1, 0).astype(np.float32), "below zero"),
    "floats without number": (np.where(TRUTH, np.nan, 0).astype(np.float32), "no numbers"),
    "32 bit numbers": (np.where(TRUTH, np.arange(56) * 70000, 0).astype(np.int32), "no agreed white"),
    "red on green": (np.stack([GREY, 255 - GREY, GREY * 0], -1), "no black pixel"),
}


@pytest.mark.parametrize(("pixels", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_as_a_mask_is_refused_by_name(tmp_path, pixels, reason):
    path = tmp_path / ("mask.tif" if pixels.dtype.itemsize > 2 else "mask.png")
    Image.fromarray(pixels).save(path)
    with pytest.raises(InputError, match=reason) as error:
        read_mask(path)
    assert str(error.value).startswith(f"{path}: ")
    assert error.value.hint


def test_a_mask_of_several_pictures_is_refused(tmp_path):
    one, other = Image.fromarray(GREY), Image.fromarray(GREY[::-1])
    for suffix in ("tif", "png"):
        one.save(tmp_path / f"mask.{suffix}", save_all=True, append_images=[other])
        with pytest.raises(InputError, match="holds several pictures"):
            read_mask(tmp_path / f"mask.{suffix}")


@pytest.mark.parametrize("quality", [95, 75, 40, 20])
def test_white_as_normal_is_found_in_jpeg_too(tmp_path, quality):
    Image.fromarray(255 - GREY).save(tmp_path / "mask.jpg", quality=quality)
    with pytest.raises(InputError, match="white stood for normal"):
        read_mask(tmp_path / "mask.jpg")


TRANSPARENT = {
    "white": with_alpha(np.full_like(GREY, 255), GREY),
    "black": with_alpha(np.zeros_like(GREY), GREY),
    "soft": with_alpha(np.full_like(GREY, 255), SOFT),
    "white in RGBA": with_alpha(np.full_like(GREY, 255), GREY).convert("RGBA"),
    "two whites of a palette": palette(TRUTH, (255, 255, 255), (255, 255, 255)),
    "the defect is transparent": with_alpha(GREY, 255 - GREY),
}


@pytest.mark.parametrize(("name", "image"), TRANSPARENT.items(), ids=TRANSPARENT)
def test_a_mask_in_the_alpha_channel_is_refused(tmp_path, name, image):
    options = {"transparency": b"\x00\xff"} if "palette" in name else {}
    image.save(tmp_path / "mask.png", **options)
    with pytest.raises(InputError, match="alpha channel"):
        read_mask(tmp_path / "mask.png")


def test_a_large_defect_is_no_white_background(tmp_path):
    large = np.ones_like(TRUTH)
    Image.fromarray(large).save(tmp_path / "all.png")
    assert read_mask(tmp_path / "all.png").all()
    large[:, -12:] = False  # covers 79 % of the image and 68 % of its border
    Image.fromarray(large).save(tmp_path / "large.png")
    assert np.array_equal(read_mask(tmp_path / "large.png"), large)
    inner = np.zeros_like(TRUTH)
    inner[1:-1, 1:-1] = True
    Image.fromarray(inner).save(tmp_path / "inner.png")
    assert np.array_equal(read_mask(tmp_path / "inner.png"), inner)


def test_an_empty_mask_of_an_anomalous_image_is_refused_and_one_lost_in_shrinking_is_not(tmp_path):
    Image.new("L", (56, 48)).save(tmp_path / "empty.png")
    Image.fromarray(np.pad([[255]], (0, 47)).astype(np.uint8)).save(tmp_path / "tiny.png")
    empty = LabelledImage("cut/0.png", tmp_path / "0.png", "cut", tmp_path / "empty.png")
    tiny = LabelledImage("cut/1.png", tmp_path / "1.png", "cut", tmp_path / "tiny.png")
    for read in (read_ground_truth, lambda image: load_masks([tiny, image], 4, 4)):
        with pytest.raises(InputError, match=rf"{empty.mask}: is empty though its image is anomalous") as error:
            read(empty)
        assert str(empty.path) in error.value.hint
    assert not load_masks([tiny], 4, 4).any()


def test_which_masks_were_thresholded_is_told_by_image(tmp_path):
    images = [LabelledImage("good/0.png", tmp_path / "0.png", "good", None)]
    for name, (suffix, image) in {"sharp": TWO_VALUED["255"], "soft": THRESHOLDED["JPEG"]}.items():
        images.append(LabelledImage(name, tmp_path / "0.png", "cut", saved(tmp_path, suffix, image, name)))
    thresholded = np.zeros(3, bool)
    masks = load_masks(images, 48, 56, thresholded=thresholded)
    assert thresholded.tolist() == [False, False, True]
    assert masks[1].sum() == TRUTH.sum()
