"""Frames on their way in and out: pandas, polars, pyarrow, DuckDB, or anything with `__arrow_c_stream__`."""

from __future__ import annotations

import decimal
import os
from collections.abc import Sequence
from typing import Any

from homing._errors import ArgumentError, DataError

Data = Any
"""A data frame (pandas, polars, pyarrow, DuckDB), or the path or paths of files, folders and globs."""


def kind_of(data: Data) -> str:
    """The library of a frame: pandas, polars or arrow."""
    library = type(data).__module__.partition(".")[0]
    return library if library in {"pandas", "polars"} else "arrow"


def paths_of(data: Data) -> list[str] | None:
    """The paths, where data are paths."""
    if isinstance(data, (str, os.PathLike)):
        return [os.fspath(data)]
    if isinstance(data, (list, tuple)) and data and all(isinstance(one, (str, os.PathLike)) for one in data):
        return [os.fspath(one) for one in data]
    return None


def stream_of(data: Data) -> tuple[Any, list[str]]:
    """An object with `__arrow_c_stream__`, and the columns whose values are of mixed types."""
    if kind_of(data) == "pandas":
        return _of_pandas(data)
    if type(data).__module__.startswith("polars") and hasattr(data, "collect"):
        return data.collect(), []
    if hasattr(data, "__arrow_c_stream__"):
        return data, []
    if isinstance(data, dict):
        import pandas

        return _of_pandas(pandas.DataFrame(data))
    raise ArgumentError(
        f"data is a {type(data).__name__}; give a pandas, polars, pyarrow or DuckDB frame, or paths of files",
        "not_a_frame",
        "give a pandas, polars, pyarrow or DuckDB frame, or paths of files",
    )


def _of_pandas(frame: Any) -> tuple[Any, list[str]]:
    import pyarrow

    if hasattr(frame, "to_frame"):  # a Series
        frame = frame.to_frame()
    named = [name for name in frame.index.names if name is not None]
    if named and not set(named) & set(frame.columns):
        frame = frame.reset_index()
    arrays, mixed = [], []
    names = [str(name) for name in frame.columns]
    for at, name in enumerate(names):
        column = frame.iloc[:, at]
        try:
            arrays.append(pyarrow.array(column, from_pandas=True))
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError, TypeError, ValueError):
            # Only where homing needs the column is it an error.
            mixed.append(name)
            texts = [None if missing(value) else str(value) for value in column]
            arrays.append(pyarrow.array(texts, pyarrow.string()))
    arrays = [array.combine_chunks() if isinstance(array, pyarrow.ChunkedArray) else array for array in arrays]
    return pyarrow.Table.from_arrays(arrays, names=names), mixed


def missing(value: Any) -> bool:
    """Whether a value is missing: None, NaN, NaT, or NA of pandas."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    import numpy

    return isinstance(value, (float, decimal.Decimal, numpy.floating, numpy.datetime64)) and bool(value != value)


def unmixed_stream(data: Data, what: str) -> Any:
    """An object with `__arrow_c_stream__` of a frame, none of whose columns has values of mixed types."""
    stream, mixed = stream_of(data)
    if mixed:
        remedy = f'convert it, for example with df["{mixed[0]}"].astype(str)'
        raise DataError(f"column `{mixed[0]}` of {what} has values of mixed types; {remedy}", "mixed_types", remedy)
    return stream


def refuse_mixed(data: Data, mixed: Sequence[str], columns: dict[str, str]) -> None:
    """Refuses a column of mixed types that homing would read."""
    for known, own in columns.items():
        if own in mixed:
            kinds = sorted({type(value).__name__ for value in data[own] if not missing(value)})
            remedy = f'convert it, for example with df["{own}"].astype(str)'
            text = f"column `{own}` ({known}) has values of mixed types ({', '.join(kinds)}); {remedy}"
            raise DataError(text, "mixed_types", remedy)


def id_type(data: Data, column: str | None) -> Any:
    """The type of the ids of a frame."""
    if column is None:
        return None
    try:
        kind = kind_of(data)
        if kind == "pandas":
            return data[column].dtype if column in data.columns else data.index.dtype
        if kind == "polars":
            return data.collect_schema()[column]
        return data.schema.field(column).type
    except (AttributeError, KeyError, TypeError):
        return None


def frame_of(native: Any, kind: str, ids: Any = None, column: str = "customer_id") -> Any:
    """A result (`Frame` or a pyarrow table) as the frame type that came in, the ids in `column` as they were."""
    if kind == "polars":
        import polars

        frame = polars.DataFrame(native)
        if ids is not None:
            frame = _own(lambda: frame.with_columns(polars.col(column).cast(ids)), frame)
        return frame
    import pyarrow

    table = pyarrow.table(native)
    if kind != "pandas":
        if ids is not None:
            at = table.schema.get_field_index(column)
            table = _own(lambda: table.set_column(at, column, table[column].cast(ids)), table)
        return table
    import pandas

    frame = table.to_pandas()
    for name in table.column_names:
        if pyarrow.types.is_integer(table[name].type) and table[name].null_count:
            frame[name] = pandas.array(table[name].to_pylist(), dtype="Int64")
    if ids is not None:
        frame = _own(lambda: frame.assign(**{column: frame[column].astype(ids)}), frame)
    return frame


def _own(convert: Any, otherwise: Any) -> Any:
    """What converts, or the ids as homing wrote them: a type that cannot hold them is no reason to lose a result."""
    try:
        return convert()
    except Exception:
        return otherwise
