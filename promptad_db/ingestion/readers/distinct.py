"""Columns that grow batch by batch: each text once, and a number for every row that says which it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from promptad_db.errors import InputError
from promptad_db.limits import LARGEST_NAMES, LONGEST_TEXT

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_MERGED_AT = 16 << 20  # bytes of texts


class Distinct:
    """One column of at most ``most`` distinct texts; numbers are as Arrow writes them, and what is missing is an empty text."""

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most = name, most
        self._parts: list[pa.DictionaryArray] = []
        self._merged = self._fresh = 0

    def add(self, values: pa.Array) -> None:
        """The next rows. InputError for a text that is no name, or when there are too many distinct ones."""
        part = encoded(values, self._name)
        self._parts.append(part)
        self._fresh += part.dictionary.nbytes
        if self._fresh > max(_MERGED_AT, self._merged):
            self._merge()

    def texts(self) -> tuple[NDArray[np.int32], pa.StringArray]:
        """The number [rows] of each row's text, and the texts; without memory for rows that all hold the same."""
        self._merge()
        [merged] = self._parts
        numbers: NDArray[np.int32] = merged.indices.to_numpy()
        if len(merged.dictionary) == 1:
            numbers = np.broadcast_to(np.int32(0), numbers.shape)
        return numbers, merged.dictionary

    def _merge(self) -> None:
        import pyarrow as pa

        merged = pa.chunked_array(self._parts, pa.dictionary(pa.int32(), pa.string())).unify_dictionaries()
        self._parts = [merged.combine_chunks()]
        self._merged, self._fresh = self._parts[0].dictionary.nbytes, 0
        if len(self._parts[0].dictionary) > self._most:
            raise InputError(f"column {self._name} holds more than {self._most:,} different values")
        if self._merged > LARGEST_NAMES:
            raise InputError(
                f"the distinct texts of column {self._name} take {self._merged:,} bytes, more than {LARGEST_NAMES:,}"
            )


def encoded(values: pa.Array, name: str) -> pa.DictionaryArray:
    """The values of a column as texts, each of which is there once, in the order of their first rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_null(values.type):
        values = pa.nulls(len(values), pa.string())
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    used = values.indices.dictionary_encode()  # of the dictionary of a whole row group
    texts = values.dictionary.take(used.dictionary).cast(pa.string())
    longest = pc.max(pc.binary_length(texts)).as_py() or 0
    if longest > LONGEST_TEXT:
        raise InputError(f"column {name} holds a text of {longest:,} bytes, more than {LONGEST_TEXT:,}")
    found = pa.DictionaryArray.from_arrays(used.indices.cast(pa.int32()), texts)
    if found.indices.null_count or texts.null_count:
        return found.cast(pa.string()).fill_null("").dictionary_encode()
    return found
