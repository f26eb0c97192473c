"""Run folders into rows, and whatever changes rows afterwards: rebuild, verify, copy, tag, note, delete."""
