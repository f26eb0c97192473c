"""The contract on disk, run folder format 1: the only reader and the only writer of run folders.

    runs/<run_id>/run.json
    runs/<run_id>/<category>/images.parquet, maps.parquet, masks.parquet, metrics.json, timings.json, weights.safetensors,
                             manifest.json

A category is there whole or not at all: ``places`` says how, on this machine and on stores. Whoever reads one holds its
files against its manifest, and run.json against the hash that stands in it.
"""

from promptad_db.run_folder.folder import (
    accept_changes,
    category_fingerprint,
    category_folder,
    copy_run,
    create_run,
    default_root,
    discard,
    examine_category,
    find_runs,
    gather_learned,
    has_gate,
    has_maps,
    has_weights,
    is_run_folder,
    list_categories,
    make_durable,
    note_learned,
    read_category,
    read_category_gate,
    read_category_weights,
    read_whole_category,
    recover_interrupted,
    remove_unfinished,
    stamp,
    times,
    walk_runs,
    write_category,
)
from promptad_db.run_folder.places import Content, changing
from promptad_db.run_folder.run_json import FORMAT, new_run_id, now, read_run, update_run, write_run

__all__ = [
    "FORMAT", "Content", "accept_changes", "category_fingerprint", "category_folder", "changing", "copy_run", "create_run",
    "default_root", "discard", "examine_category", "find_runs", "gather_learned", "has_gate", "has_maps", "has_weights",
    "is_run_folder", "list_categories", "make_durable", "new_run_id", "note_learned", "now", "read_category", "read_category_gate",
    "read_category_weights", "read_run", "read_whole_category", "recover_interrupted", "remove_unfinished", "stamp",
    "times", "update_run", "walk_runs", "write_category", "write_run",
]  # fmt: skip
