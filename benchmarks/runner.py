"""Time a whole job of the runner against the same job done the public way.

The job: one category, K = 1, 2, 4, both tasks, the fused AUROC of the test set after every epoch, as the public PromptAD
code does it to choose its epoch. The public way, written out plainly below, encodes the whole test set at every epoch,
pads every prompt to the full context, interpolates, filters and calls scikit-learn. Ours is `promptad_db.runner`. Both
must come to the same AUROCs. The peer is timed for --peer-epochs and scaled to --epochs; ours runs them all.

The second figure is what everything but the training costs beside bare ``encode_image`` of the same images: with the
tiny model the metrics outweigh the encoder, so it means something with a real backbone alone. The full size is that of
ViT-B-16-plus-240, with random weights, which cost what trained ones do.

    python benchmarks/runner.py [--full]        two minutes [full size: 45 minutes]
"""

import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score
from table import Row, main
from torch.nn import functional

from promptad_db import run_folder
from promptad_db.datasets import open_dataset
from promptad_db.datasets.images import load_masks, read_image
from promptad_db.datasets.shots import draw_shots
from promptad_db.datasets.synthetic import CATEGORIES, write_dataset
from promptad_db.model.clip import ClipEncoder
from promptad_db.model.words import load_vocabulary
from promptad_db.records import Render
from promptad_db.runner import Request, Training, run

SEED, SIZE, BATCH = 111, 400, 16
K_SHOTS = (1, 2, 4)
SMALL = {"model": "tiny", "category": "leather", "images": 60, "epochs": 100, "peer_epochs": 2}
FULL = {**SMALL, "model": "ViT-B-16-plus-240", "images": 100, "epochs": 100, "peer_epochs": 1}
TOLERANCE = 1e-5
BACKBONE_TARGET = 0.77  # at most 1.3 times bare encode_image


def attention(module, x):
    batch, count, width = x.shape
    qkv = functional.linear(x, module.in_proj_weight, module.in_proj_bias)
    q, k, v = qkv.reshape(batch, count, 3, module.num_heads, -1).permute(2, 0, 3, 1, 4)
    scale = q.shape[-1] ** -0.5
    mixed = [((one @ other.transpose(-2, -1)) * scale).softmax(-1) @ v for one, other in ((q, k), (v, v))]
    return [module.out_proj(part.transpose(1, 2).reshape(batch, count, width)) for part in mixed]


@torch.no_grad()
def encode(encoder, images):
    visual, layers = encoder.model.visual, encoder.memory_layers
    x = visual.conv1(images).flatten(2).transpose(1, 2)
    x = torch.cat([visual.class_embedding.expand(len(x), 1, -1), x], dim=1) + visual.positional_embedding
    original = surgery = visual.ln_pre(x)
    memory = []
    for index, block in enumerate(visual.transformer.resblocks):
        added, added_to_surgery = attention(block.attn, block.ln_1(original))
        original = original + added
        if index - 1 in layers:
            memory.append(original[:, 1:])
        original = original + block.mlp(block.ln_2(original))
        surgery = surgery + added_to_surgery
    tokens = visual.ln_post(torch.cat([original[:, :1], surgery[:, 1:]], dim=1)) @ visual.proj
    return [functional.normalize(one, dim=-1) for one in (tokens[:, 0], tokens[:, 1:], *memory)]


class Prompts(torch.nn.Module):
    """Every prompt a sequence of its own, padded to the full context."""

    def __init__(self, encoder, words, normal):
        super().__init__()
        self.model, width = encoder.model, encoder.model.token_embedding.weight.shape[1]
        generator = torch.Generator().manual_seed(SEED)
        self.normal = torch.nn.Parameter(torch.randn((normal, 4, width), generator=generator) * 0.02)
        self.abnormal = torch.nn.Parameter(torch.randn((4, 1, width), generator=generator) * 0.02)
        texts = [words.normal, *words.abnormal]
        self.plain = encoder.tokenizer([f"X X X X {text}" for text in texts])
        self.learned = encoder.tokenizer([f"X X X X X {words.normal}"])

    def encode(self, tokens, *contexts):
        x = self.model.token_embedding(tokens)
        x = torch.cat([x[:1], *contexts, x[1 + sum(len(one) for one in contexts) :]])
        return x, int(tokens.argmax())

    def forward(self):
        sequences = [self.encode(tokens, normal) for tokens in self.plain for normal in self.normal]
        sequences += [
            self.encode(self.learned[0], normal, abnormal) for abnormal in self.abnormal for normal in self.normal
        ]
        model = self.model
        x = torch.stack([sequence for sequence, _ in sequences]) + model.positional_embedding
        x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask))
        x = x[torch.arange(len(x)), [end for _, end in sequences]] @ model.text_projection
        normal = len(self.normal)
        handmade = normal * len(self.plain)
        return x[:normal], x[normal:handmade], x[handmade:]


def loss_of(text, shots, temperature):
    normal, abnormal = (functional.normalize(one.mean(0), dim=0) for one in (text[0], torch.cat(text[1:])))
    classes = torch.cat([normal[None], functional.normalize(torch.cat(text[1:]), dim=-1)])
    logits = (shots @ classes.T * temperature).flatten(0, -2)
    triplet = functional.relu(((shots - normal) ** 2).sum(1) - ((shots - abnormal) ** 2).sum(1)).mean()
    means = [functional.normalize(one, dim=-1).mean(0) for one in text[1:]]
    matched = ((means[0] - means[1]) ** 2).sum()
    return functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long)) + triplet + 0.001 * matched


def upsampled(grids):
    return functional.interpolate(grids[:, None], (SIZE, SIZE), mode="bilinear")[:, 0].numpy()


def public_job(encoder, category, words, task, k_shot, epochs, total):
    """The best fused test AUROC of ``epochs`` epochs of a training that would have ``total``."""
    shots = encode(encoder, encoder.preprocess(read_image(one.path) for one in draw_shots(category, k_shot, SEED)))
    galleries = [one.flatten(0, 1) for one in shots[2:]]
    prompts = Prompts(encoder, words, 3 if task == "cls" else 1)
    optimizer = torch.optim.SGD(prompts.parameters(), lr=0.002, momentum=0.9, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total, 1e-5)
    images = encoder.preprocess(read_image(one.path) for one in category.test)
    masks = load_masks(category.test, SIZE, SIZE).ravel()
    labels = [one.anomalous for one in category.test]
    best = 0.0
    for _ in range(epochs):
        loss = loss_of(prompts(), shots[1] if task == "seg" else shots[0], encoder.temperature)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        with torch.no_grad():
            text = prompts()
            prototypes = torch.stack(
                [functional.normalize(one.mean(0), dim=0) for one in (text[0], torch.cat(text[1:]))]
            )
        scores = []
        for start in range(0, len(images), BATCH):
            features = encode(encoder, images[start : start + BATCH])
            place = 1 if task == "seg" else 0
            semantic = (encoder.temperature * features[place] @ prototypes.T).softmax(-1)[..., 1]
            memory = [(1 - one @ other.T).amin(-1) / 2 for one, other in zip(features[2:], galleries, strict=True)]
            memory = (0.5 * (memory[0] + memory[1])).reshape(-1, *encoder.grid)
            if task == "seg":
                fused = upsampled(1 / (1 / semantic.reshape(memory.shape) + 1 / memory))
                scores += [gaussian_filter(one, 4) for one in fused]
            else:
                highest = upsampled(memory).max((1, 2)).astype(np.float64)
                scores += list(1 / (1 / semantic.numpy().astype(np.float64) + 1 / highest))
        truth = masks if task == "seg" else labels
        best = max(best, float(roc_auc_score(truth, np.array(scores).ravel())))
    return best


def our_job(encoder, data, dataset, epochs, selection):
    """Seconds of the whole job, those of training in it, and the fused AUROCs by task and K."""
    request = Request(
        "synthetic", data, (dataset,), k_shots=K_SHOTS, seeds=(SEED,), training=Training(epochs=epochs),
        selection=selection, image_score="rendered_max", render=Render(SIZE, SIZE), batch_size=BATCH,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as runs:
        started = time.perf_counter()
        outcome = run(request, runs=runs, db=Path(runs) / "promptad.duckdb", encoder=encoder)
        seconds = time.perf_counter() - started
        training, aurocs = 0.0, {}
        for folder in outcome.folders:
            info, result = run_folder.read_run(folder), run_folder.read_category(folder, dataset)
            training += result.timings["train"]
            level = "pixel" if info.task == "seg" else "image"
            aurocs[info.task, info.k_shot] = next(
                one.value
                for one in result.metrics
                if (one.branch, one.level, one.metric) == ("harmonic", level, "auroc")
            )
    return seconds, training, aurocs


def measure(model, category, images, epochs, peer_epochs):
    """The two figures of one category with so many test images."""
    warnings.simplefilter("ignore")
    encoder = ClipEncoder(model, "random")
    with tempfile.TemporaryDirectory() as folder:
        data, defects = Path(folder), len(CATEGORIES[category].defects)
        write_dataset(data, categories=(category,), test_good=images // 2, test_per_defect=images // 2 // defects)
        opened = open_dataset("synthetic", data).category(category)
        words = load_vocabulary().words_of(category)
        theirs, peer_seconds = timed_public_job(encoder, opened, words, peer_epochs)
        _, _, same = our_job(encoder, data, category, peer_epochs, "best_on_test")
        apart = max(abs(theirs[key] - value) for key, value in same.items())
        if apart > TOLERANCE:
            raise SystemExit(f"the AUROCs of both ways differ by {apart}")
        ours, _, _ = our_job(encoder, data, category, epochs, "best_on_test")
        whole, training, _ = our_job(encoder, data, category, epochs, "last_epoch")
        bare = bare_seconds(encoder, opened)
    peer_seconds *= epochs / peer_epochs
    what = f"{category}, {len(opened.test)} images, {model}"
    rest = whole - training
    return [
        Row(f"{what}: K = 1, 2, 4, cls and seg, judged at each of {epochs} epochs", ours, "s",
            f"the public way, {peer_epochs} epochs timed", peer_seconds, peer_seconds / ours, 30),
        Row(f"{what}: everything but training", rest, "s", "bare encode_image", bare, bare / rest,
            None if model == "tiny" else BACKBONE_TARGET),
        Row(f"{what}: {2 * len(K_SHOTS)} trainings", training, "s"),
    ]  # fmt: skip


def timed_public_job(encoder, category, words, epochs):
    """The AUROCs of the public way by task and K, and its seconds."""
    started = time.perf_counter()
    found = {
        (task, k_shot): public_job(encoder, category, words, task, k_shot, epochs, epochs)
        for k_shot in K_SHOTS
        for task in ("cls", "seg")
    }
    return found, time.perf_counter() - started


def bare_seconds(encoder, category):
    """The seconds of open_clip's own encoder over the test images and the shots."""
    images = [read_image(one.path) for one in (*category.test, *draw_shots(category, max(K_SHOTS), SEED))]
    started = time.perf_counter()
    with torch.no_grad():
        for start in range(0, len(images), BATCH):
            encoder.model.encode_image(encoder.preprocess(images[start : start + BATCH]))
    return time.perf_counter() - started


if __name__ == "__main__":
    main(__doc__, measure, SMALL, FULL)
