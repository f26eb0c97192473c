"""Write the sound files from which fuzzing starts into corpus/<target>/: ``python tests/fuzz/seeds.py``."""

from __future__ import annotations

import io
import json
import struct
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tifffile
from PIL import Image
from targets import CATEGORY_TARGETS, sound_category, sound_run

from promptad_db.run_folder.category import write_category_files
from promptad_db.run_folder.places.manifest import manifest_bytes

CORPUS = Path(__file__).parent / "corpus"
GATE = {
    "format": 1, "signals": ["margin", "spread"], "means": [0.5, 0.1], "scales": [1.0, 2.0], "coefficients": [0.1, -3.0],
    "intercept": 0.25, "hold_out": "category", "images": 20,
    "cells": [{"run_id": "r", "dataset": "mvtec", "category": "grid", "k_shot": 1, "seed": 1, "task": "cls"}],
}  # fmt: skip
RESULTS = {
    mode: {"i_roc": 90.5, "i_roc_semantic": 80.25, "i_roc_memory": 85.0} for mode in ("semantic", "memory", "max")
}
SCORES = {"semantic_scores": [0.1, 0.9, 0.3], "memory_scores": [0.2, 0.8, 0.1], "labels": [0, 1, 0]}
MAPS = {"semantic_scores": [[[0.1, 0.9], [0.2, 0.3]]] * 2, "memory_scores": [[[0.5, 0.4], [0.2, 0.1]]] * 2}
GATE_TABLE = (
    "dataset,class,k_shot,task,mode,auroc,semantic_auroc,memory_auroc,gap\n"
    "mvtec,carpet,1,cls,max,99.5,90.25,98.0,1.5\nmvtec,carpet,1,seg,max,98.5,12.25,98.0,1.5\n"
    "mvtec,grid,1,cls,oracle,99.5,90.25,98.0,1.5\n"
)
OFFICIAL = ",i_roc,p_roc,semantic_i_roc,memory_i_roc\nmvtec-carpet,100.00,99.36,99.96,99.88\nmvtec-grid,98.25,0.00,98.66,95.49\n"
LONG = "dataset,category,k_shot,seed,task,branch,image,label,score\n" + "".join(
    f"mvtec,bottle,1,111,cls,{branch},{image}.png,{label},{score}\n"
    for branch, scores in (("semantic", (0.1, 0.9)), ("memory", (0.3, 0.2)))
    for image, label, score in (("good/0", 0, scores[0]), ("crack/0", 1, scores[1]))
)
SPLIT = (
    "object,split,label,image,mask\ncandle,train,normal,candle/Data/Images/Normal/0836.JPG,\n"
    "candle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,candle/Data/Masks/Anomaly/000.png\n"
)
PROMPTS = 'general = ["damaged {}"]\n[class_names]\nbottle = "glass bottle"\n[states]\nbottle = ["{} with a crack"]\n[groups.edge]\nname = "edge of {}"\nstates = ["{} chipped"]\n'


DINO = {"bottle": {"seg_AUROC": 0.98, "seg_AUPRO": 0.9, "classification_AUROC": 1.0}, "mean_seg_AUROC": 0.98}
DINO_TIMES = "Object,Sample,Anomaly_Score,MemoryBank_Time,Inference_Time\n" + "".join(
    f"bottle,{image},{score},1.5,0.05\n" for image, score in (("good/000.png", 0.1), ("crack/000.png", 0.9))
)
ANOMALIB = (
    "model.class_path,data.class_path,data.init_args.category,seed,fit_duration,image_AUROC,pixel_AUROC\n"
    "anomalib.models.Padim,anomalib.data.MVTecAD,bottle,1,12.5,0.99,0.98\n"
)
PATCHCORE = (
    "Row Names,instance_auroc,full_pixel_auroc,full_pro\nmvtec_bottle,1.0,0.984838,0.73\nMean,1.0,0.984838,0.73\n"
)
PIPES = (
    "24-12-18 12:08:53.440 - INFO: mode: few_shot\n24-12-18 12:08:53.440 - INFO: k_shot: 4\n24-12-18 - INFO: \n"
    "| objects   |   auroc_px |   aupro |   auroc_sp |\n|:---|---:|---:|---:|\n"
    "| carpet    |       98.8 |    90   |      100   |\n| mean      |       98.8 |    90   |      100   |\n"
)


def main() -> None:
    """Write every seed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_category_files(folder, sound_category())
        for file in (*CATEGORY_TARGETS, "weights.safetensors"):
            _write(file.partition(".")[0], (folder / file).read_bytes())
        _write("manifest", manifest_bytes(folder))
    _write("ticket", json.dumps({"folders": ["/runs/a", "s3://bucket/runs/b"]}).encode())
    key = "AAAAC3NzaC1lZDI1NTE5AAAAIGtleWtleWtleWtleWtleWtleWtleWtleWtleWtleWtleWtl"
    hosts = ("example.org,10.0.0.1", "[example.org]:2222", "*.org,!a.org", "|1|c2FsdHNhbHRzYWx0c2FsdA==|aGFzaA==")
    _write(
        "known_hosts", "".join(f"{host} ssh-ed25519 {key}\n" for host in hosts).encode() + b"@revoked x ssh-rsa AAAA\n"
    )
    for target, content in (
        ("run", sound_run()), ("gate", GATE), ("gate_results", RESULTS), ("gate_scores", SCORES), ("gate_scores", MAPS),
        ("anomalydino", DINO),
        ("shots_json", {"bottle": ["000.png", "001.png"], "grid": {"1": ["003.png"], "2": ["004.png", "005.png"]}}),
    ):  # fmt: skip
        _write(target, json.dumps(content).encode())
    for target, text in (
        ("gate_table", GATE_TABLE), ("official", OFFICIAL), ("long_csv", LONG), ("split", SPLIT), ("prompts", PROMPTS),
        ("anomalydino_times", DINO_TIMES), ("anomalib", ANOMALIB), ("patchcore", PATCHCORE), ("pipe_table", PIPES),
        ("shots_runs", "#1: 101\n#2: 101 48\n#4: 1 2 3 4\n"),
    ):  # fmt: skip
        _write(target, text.encode())
    _write("long_parquet", _parquet(LONG))
    pixels = np.arange(64, dtype=np.float32).reshape(8, 8)
    for options in (
        {},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw"},
        {"tile": (16, 16)},
        {"bigtiff": True},
    ):
        sink = io.BytesIO()
        tifffile.imwrite(sink, pixels, **options)
        _write("tiff", sink.getvalue())
    for mode in ("L", "RGBA", "P", "I;16"):
        for form in ("png", "tiff"):
            _write("picture", _picture(mode, form))
    for form in ("jpeg", "bmp"):
        _write("picture", _picture("RGB", form))


def _parquet(table: str) -> bytes:
    head, *rows = (line.split(",") for line in table.splitlines())
    columns = dict(zip(head, zip(*rows, strict=True), strict=True))
    sink = io.BytesIO()
    pq.write_table(pa.table({name: list(values) for name, values in columns.items()}), sink, compression="zstd")
    return sink.getvalue()


def _picture(mode: str, form: str) -> bytes:
    sink = io.BytesIO()
    values = bytes(range(64)) * struct.calcsize({"L": "B", "RGB": "3s", "RGBA": "4s", "P": "B", "I;16": "H"}[mode])
    Image.frombytes(mode, (8, 8), values).save(sink, form)
    return sink.getvalue()


def _write(target: str, raw: bytes) -> None:
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    if raw not in {path.read_bytes() for path in folder.glob("sound-*")}:
        (folder / f"sound-{len(list(folder.glob('sound-*')))}").write_bytes(raw)


if __name__ == "__main__":
    main()
