"""Data that come with homing."""

from __future__ import annotations

from typing import Any

from homing import _homing
from homing._frames import frame_of


def cdnow(kind: str = "pandas") -> Any:
    """The purchases of the CDNOW cohort: 23,570 customers of a music shop who first bought in January to March 1997, until 1998-06-30.

    One row a purchase: customer_id, date, category, channel, quantity, amount (US dollars). `kind` is the frame: pandas, polars or arrow.

    >>> import homing
    >>> homing.datasets.cdnow().shape
    (69659, 6)
    """
    return frame_of(_homing.cdnow(), kind)
