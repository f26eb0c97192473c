"""One ResultSet for every query and every report: columns, rows, and what the columns hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from promptad_db.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class ResultSet:
    """The answer of a query: raw values, None for NULL, rows as tuples in the order of ``columns``.

    ``kinds`` tells by column name how a value is meant to be printed: ``auroc`` (a fraction, printed in percent),
    ``percent`` (another one), ``gap`` (a signed difference of fractions, printed in points), ``points`` (an unsigned
    one), ``ratio``, ``ms`` (milliseconds), ``plan`` (the lines of an EXPLAIN), ``share_of:COLUMN`` (a count, printed with the count in COLUMN that it is a part of). ``cut`` is true when the
    query had more rows than were asked for.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    kinds: dict[str, str] = field(default_factory=dict)
    cut: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def renamed(self, names: dict[str, str]) -> ResultSet:
        """The same rows under other column names; what a column holds stays with it."""
        kinds = {names.get(name, name): kind for name, kind in self.kinds.items()}
        return ResultSet(tuple(names.get(name, name) for name in self.columns), self.rows, kinds, self.cut)

    def to_arrow(self) -> pa.Table:
        """The rows as a pyarrow.Table."""
        import pyarrow as pa

        values = list(zip(*self.rows, strict=True)) if self.rows else [()] * len(self.columns)
        return pa.Table.from_arrays([pa.array(column) for column in values], names=list(self.columns))

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a pandas.DataFrame; needs the extra ``promptad-db[pandas]``."""
        try:
            import pandas  # noqa: F401, ICN001 - only to say clearly what is missing
        except ImportError as error:
            raise UsageError("to_pandas() needs pandas", "pip install 'promptad-db[pandas]'") from error
        frame: pd.DataFrame = self.to_arrow().to_pandas()
        return frame


@dataclass(frozen=True)
class Section:
    """One section of a report: its name, one line on what its rows mean, and the rows."""

    name: str
    title: str
    result: ResultSet
