"""Reading data, and tables about customers."""

from __future__ import annotations

import datetime
import decimal
import json
import math
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from homing import _homing
from homing._errors import ArgumentError, warn
from homing._frames import Data, frame_of, id_type, kind_of, missing, paths_of, refuse_mixed, stream_of

When = Any
"""A date or time: text, `datetime.date`, `datetime.datetime`, `pandas.Timestamp`, `numpy.datetime64`. A date means its end."""


@dataclass
class Loaded:
    """Histories that were read, and how results come back."""

    histories: _homing.Histories
    kind: str
    ids: Any = None
    summary: dict[str, Any] = field(default_factory=dict)

    def frame(self, native: _homing.Frame) -> Any:
        """A result as the frame type that came in."""
        return frame_of(native, self.kind, self.ids)


_READING: dict[str, Any] = {
    "columns": {},
    "timezone": None,
    "max_rejects": 0.01,
    "rejects": None,
    "since": None,
    "now": None,
    "accept": [],
    "dates": None,
    "decimal": None,
    "encoding": None,
    "header": None,
    "sheet": None,
}


def read(data: Data, reading: Mapping[str, Any] | None = None, timezone: str | None = None) -> Loaded:
    """Reads a frame or files and warns of what is suspicious. `reading` are options of how files are read."""
    options = dict(_READING)
    for name, value in (reading or {}).items():
        if name not in _READING:
            known = ", ".join(sorted(_READING))
            raise ArgumentError(f"`{name}` is not an option of reading; known: {known}", "unknown_option", f"use one of {known}")
        if value is not None:
            options[name] = value
    if timezone is not None:
        options["timezone"] = timezone
    options["columns"] = {str(known): str(own) for known, own in dict(options["columns"]).items()}
    options["accept"] = [options["accept"]] if isinstance(options["accept"], str) else list(options["accept"])
    for name in ("since", "now"):
        options[name] = instant(options[name])
    if options["rejects"] is not None:
        options["rejects"] = os.fspath(options["rejects"])
    paths = paths_of(data)
    mixed: list[str] = []
    if isinstance(data, Loaded):
        return data
    if paths is None:
        stream, mixed = stream_of(data)
        histories = _homing.read_frame(stream, options)
    else:
        histories = _homing.read_files(paths, options)
    recognised = json.loads(histories.recognised())
    columns = recognised[0]["columns"] if recognised else {}
    if mixed:
        refuse_mixed(data, mixed, columns)
    for code, text, count in histories.warnings():
        warn(code, text, count)
    ids = None if paths else id_type(data, columns.get("customer_id"))
    return Loaded(histories, "arrow" if paths else kind_of(data), ids, json.loads(histories.summary()))


def instant(when: When) -> str | None:
    """A date or time as text. Midnight without a zone is a date, which means its end."""
    if when is None:
        return None
    if isinstance(when, str):
        return when
    if type(when).__module__ == "numpy":
        when = when.astype("datetime64[us]").item()
    if isinstance(when, datetime.datetime):
        midnight = (when.hour, when.minute, when.second, when.microsecond) == (0, 0, 0, 0)
        return when.date().isoformat() if midnight and when.tzinfo is None else when.isoformat()
    if isinstance(when, datetime.date):
        return when.isoformat()
    raise ArgumentError(f"{when!r} is not a date or time; write one such as 2025-03-31", "bad_instant", "write one such as 2025-03-31")


def instants(when: When | Iterable[When]) -> list[str]:
    """Dates or times as texts; none for None."""
    if when is None:
        return []
    if isinstance(when, (str, datetime.date)) or not isinstance(when, Iterable):
        return [text for text in [instant(when)] if text is not None]
    return [text for one in when if (text := instant(one)) is not None]


def names(given: str | Iterable[str]) -> tuple[str, ...]:
    """One name or several as a tuple, which can be read more than once.

    >>> from homing._data import names
    >>> names("churn.level"), names(one for one in ["a", "b"])
    (('churn.level',), ('a', 'b'))
    """
    return (given,) if isinstance(given, str) else tuple(str(one) for one in given)


def id_text(value: object, what: str = "customer_id") -> str | None:
    """An id as text; `None` for a missing value.

    pandas turns a column of whole numbers with a missing value into floats. Those below 2**53 are exact and lose their `.0` here.

    >>> from homing._data import id_text
    >>> id_text(7000001.0), id_text("007"), id_text(float("nan"))
    ('7000001', '007', None)
    """
    if isinstance(value, str):
        return str(value)
    if missing(value):
        return None
    one: Any = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
    if isinstance(one, (int, uuid.UUID)) and not isinstance(one, bool):
        return str(one)
    exact = isinstance(one, decimal.Decimal) or (isinstance(one, float) and abs(one) < 2**53)
    if exact and math.isfinite(one) and one == int(one):
        return str(int(one))
    remedy = "give ids as text or whole numbers, for example with astype(str) before numbers become floats"
    raise ArgumentError(f"{what} {value!r} ({type(value).__name__}) is not an id; {remedy}", "bad_id", remedy)


def known_id(value: object, what: str = "customer_id") -> str:
    """An id as text; a missing one is refused."""
    text = id_text(value, what)
    if text is None:
        remedy = "give a text or a whole number"
        raise ArgumentError(f"{what} is missing ({value!r}); {remedy}", "missing_id", remedy)
    return text


def days(horizons: int | Iterable[int]) -> list[int]:
    """Horizons in days."""
    given = [horizons] if isinstance(horizons, (int, float)) else list(horizons)
    for one in given:
        if isinstance(one, bool) or int(one) != one or not 1 <= one <= 3650:
            raise ArgumentError(f"a horizon of {one!r}; give 1 to 3650 whole days", "horizon", "give 1 to 3650 whole days")
    return [int(one) for one in given]


def features(
    data: Data,
    as_of: When | Iterable[When] = None,
    *,
    labels: int | Sequence[int] | None = None,
    timezone: str | None = None,
    **reading: Any,
) -> Any:
    """The feature matrix: one row for each customer and cutoff, what the models see.

    `as_of` is a cutoff or several; the last event by default. `labels` are horizons in days: they add `bought_next_{d}d`,
    `orders_next_{d}d` and `spend_next_{d}d`, what happened after each cutoff. Features that are not known are missing.
    `reading` as in `homing.Model`.

    >>> import homing
    >>> rows = homing.features(homing.datasets.cdnow(), "1998-03-31", labels=90)
    >>> len(rows), int(rows["bought_next_90d"].sum())
    (23502, 3302)
    """
    loaded = read(data, reading, timezone)
    wanted = [] if labels is None else days(labels)
    return loaded.frame(_homing.features(loaded.histories, instants(as_of), wanted))


def feature_list() -> list[dict[str, str]]:
    """Name, unit and meaning of every feature.

    >>> import homing
    >>> homing.feature_list()[0]["name"]
    'recency_days'
    """
    return [{"name": name, "unit": unit, "meaning": meaning} for name, unit, meaning in _homing.feature_list()]


def rfm(data: Data, as_of: When = None, *, timezone: str | None = None, **reading: Any) -> Any:
    """Recency (days since the last order), frequency (orders) and monetary value (spend) of each customer.

    `r`, `f` and `m` are scores from 1 to 5 by fifths of the customers, 5 for the best; `rfm` is the three together. Customers
    with equal values share a score.

    >>> import homing
    >>> best = homing.rfm(homing.datasets.cdnow(), "1998-06-30").sort_values("monetary").iloc[-1]
    >>> best["rfm"]
    '555'
    """
    loaded = read(data, reading, timezone)
    return loaded.frame(_homing.rfm(loaded.histories, instant(as_of)))


_UNITS = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}


def summary(
    data: Data,
    as_of: When = None,
    *,
    freq: str = "D",
    free_orders: bool = True,
    timezone: str | None = None,
    **reading: Any,
) -> Any:
    """What lifetime models see of each customer: frequency, recency, T and monetary_value.

    The columns of `lifetimes.utils.summary_data_from_transaction_data`: repeat orders (all purchases of a day are one), the
    time from the first order to the last, the time from the first order to `as_of`, the mean value of the repeat orders.
    `freq` is the unit of time: D, W, M or Y; orders are counted by day in each. `free_orders`: days with purchases of
    amount 0 alone count as orders.

    >>> import homing
    >>> homing.summary(homing.datasets.cdnow(), "1997-09-30", freq="W").shape
    (23570, 5)
    """
    if freq not in _UNITS:
        raise ArgumentError(f"freq {freq!r}; write D, W, M or Y", "freq", "write D, W, M or Y")
    loaded = read(data, reading, timezone)
    return loaded.frame(_homing.summary(loaded.histories, instant(as_of), _UNITS[freq], free_orders))


class Check:
    """What data can carry; see `homing.check`."""

    def __init__(self, figures: dict[str, Any], read: dict[str, Any], warnings: list[str], columns: dict[str, str]) -> None:
        """Holds the figures of a check."""
        self.figures = figures
        self.read = read
        self.warnings = warnings
        self.columns = columns

    @property
    def usable(self) -> bool:
        """Whether a model can be fitted."""
        return not self.figures["lacks"]

    @property
    def lacks(self) -> list[str]:
        """What is missing for a model, each with what would suffice."""
        return list(self.figures["lacks"])

    @property
    def remarks(self) -> list[str]:
        """Remarks on the data."""
        return list(self.figures["remarks"])

    @property
    def horizons(self) -> list[dict[str, Any]]:
        """What the data can carry for each horizon."""
        return list(self.figures["horizons"])

    def __repr__(self) -> str:
        """The figures as text."""
        f = self.figures
        lines = [
            f"{'usable' if self.usable else 'not usable'}: {f['customers']} customers, {f['orders']} orders, "
            f"{f['span_days']} days until {f['as_of']}",
            "columns: " + ", ".join(f"{known} = {own}" for known, own in self.columns.items()),
        ]
        lines += [f"{one['days']} days: {one['verdict']}" for one in self.horizons]
        lines += [f"missing: {one}" for one in self.lacks]
        lines += [f"note: {one}" for one in self.remarks]
        lines += [f"warning: {one}" for one in self.warnings]
        return "\n".join(lines)


def check(
    data: Data,
    *,
    horizons: int | Sequence[int] = (30, 90, 365),
    as_of: When = None,
    timezone: str | None = None,
    **reading: Any,
) -> Check:
    """Checks whether data are sufficient for a model, and how their columns were understood.

    >>> import homing
    >>> found = homing.check(homing.datasets.cdnow())
    >>> found.usable, found.columns["customer_id"]
    (True, 'customer_id')
    """
    import warnings as python_warnings

    with python_warnings.catch_warnings(record=True) as caught:
        python_warnings.simplefilter("always")
        loaded = read(data, reading, timezone)
    figures = json.loads(_homing.check(loaded.histories, days(horizons), instant(as_of)))
    recognised = json.loads(loaded.histories.recognised())
    columns = recognised[0]["columns"] if recognised else {}
    return Check(figures, loaded.summary, [str(one.message) for one in caught], columns)
