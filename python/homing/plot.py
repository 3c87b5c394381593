"""Plots with matplotlib (`pip install homing[plot]`). Each draws on `ax`, a new one by default, and returns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homing._errors import ArgumentError

if TYPE_CHECKING:
    from homing._model import Backtest
    from homing.lifetimes import BgNbd, MbgNbd, ParetoNbd


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


def _matrix(ax: Any, values: Any, T: float, title: str) -> Any:
    ax = _axes(ax)
    image = ax.imshow(values, origin="lower", aspect="auto", extent=(-0.5, values.shape[1] - 0.5, 0, T))
    ax.figure.colorbar(image, ax=ax)
    ax.set(xlabel="repeat orders", ylabel="time of the last order since the first", title=title)
    return ax


def _grid(max_frequency: int, T: float, steps: int = 60) -> tuple[Any, Any, Any]:
    import numpy

    recency, frequency = numpy.meshgrid(numpy.linspace(0, T, steps), numpy.arange(max_frequency + 1), indexing="ij")
    return frequency.ravel().astype(float), recency.ravel(), (steps, max_frequency + 1)


def _observed(model: Any, T: float | None, max_frequency: int | None) -> tuple[float, int]:
    if T is not None and max_frequency is not None:
        return float(T), max_frequency
    x, _, age = model._own()
    return float(age.max() if T is None else T), int(min(x.max(), 30) if max_frequency is None else max_frequency)


def frequency_recency_matrix(
    model: BgNbd | MbgNbd | ParetoNbd, t: float = 1.0, *, T: float | None = None, max_frequency: int | None = None, ax: Any = None
) -> Any:
    """Orders expected within `t`, by frequency and recency of a customer observed for `T`.

    >>> import homing
    >>> model = homing.BgNbd.of(0.243, 4.414, 0.793, 2.426)
    >>> homing.plot.frequency_recency_matrix(model, 26, T=39, max_frequency=20).get_xlabel()
    'repeat orders'
    """
    T, top = _observed(model, T, max_frequency)
    x, t_x, shape = _grid(top, T)
    values = model.expected_purchases(t, x, t_x, x * 0 + T).reshape(shape)
    return _matrix(ax, values, T, f"orders expected within {t:g}")


def probability_alive_matrix(
    model: BgNbd | MbgNbd | ParetoNbd, *, T: float | None = None, max_frequency: int | None = None, ax: Any = None
) -> Any:
    """Probability of not having left for good, by frequency and recency of a customer observed for `T`.

    >>> import homing
    >>> model = homing.BgNbd.of(0.243, 4.414, 0.793, 2.426)
    >>> homing.plot.probability_alive_matrix(model, T=39, max_frequency=20).get_title()
    'probability alive'
    """
    T, top = _observed(model, T, max_frequency)
    x, t_x, shape = _grid(top, T)
    return _matrix(ax, model.probability_alive(x, t_x, x * 0 + T).reshape(shape), T, "probability alive")


def _column(frame: Any, name: str) -> Any:
    import numpy

    return numpy.asarray(frame[name], dtype="float64")


def calibration(backtest: Backtest, *, groups: int = 10, ax: Any = None) -> Any:
    """Share who bought against the predicted probability, in groups of equal size; the diagonal is perfect.

    >>> import homing
    >>> found = homing.Model().backtest(homing.datasets.cdnow(), "1998-03-31", 90)
    >>> homing.plot.calibration(found).get_ylabel()
    'share who bought'
    """
    import numpy

    if groups < 2:
        raise ArgumentError("groups: give 2 or more", "groups", "give 2 or more")
    scores = backtest.scores
    p, bought = _column(scores, "p_purchase"), _column(scores, "bought")
    parts = numpy.array_split(numpy.argsort(p, kind="stable"), groups)
    ax = _axes(ax)
    ax.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    ax.plot([p[part].mean() for part in parts], [bought[part].mean() for part in parts], marker="o")
    ax.set(xlabel="predicted probability", ylabel="share who bought", title="calibration")
    return ax


def gain(backtest: Backtest, *, ax: Any = None) -> Any:
    """Share of all buyers among the customers with the highest probabilities; the diagonal is a random choice.

    >>> import homing
    >>> found = homing.Model().backtest(homing.datasets.cdnow(), "1998-03-31", 90)
    >>> homing.plot.gain(found).get_xlabel()
    'share of customers'
    """
    import numpy

    scores = backtest.scores
    p, bought = _column(scores, "p_purchase"), _column(scores, "bought")
    best = numpy.argsort(-p, kind="stable")
    ax = _axes(ax)
    ax.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    share = numpy.arange(1, len(p) + 1) / len(p)
    ax.plot(share, numpy.cumsum(bought[best]) / max(bought.sum(), 1))
    ax.set(xlabel="share of customers", ylabel="share of buyers", title="gain")
    return ax


def cumulative_transactions(
    model: BgNbd | MbgNbd | ParetoNbd, data: Any, until: Any = None, *, freq: str = "W", ax: Any = None, **reading: Any
) -> Any:
    """Repeat orders of all customers up to each time, beside what the model expects of them (Fader, Hardie & Lee 2005, figure 3).

    `freq` is the unit of time of the model: D or W.

    >>> import homing
    >>> purchases = homing.datasets.cdnow()
    >>> model = homing.BgNbd().fit(homing.summary(purchases, "1997-09-30", freq="W"))
    >>> len(homing.plot.cumulative_transactions(model, purchases).get_lines())
    2
    """
    import numpy

    from homing._data import read
    from homing._frames import frame_of

    unit = {"D": 1.0, "W": 7.0}.get(freq)
    if unit is None:
        raise ArgumentError(f"freq {freq!r}; write D or W", "freq", "write D or W")
    from homing import _homing
    from homing._data import instant

    loaded = read(data, reading)
    table = frame_of(_homing.summary(loaded.histories, instant(until), unit, True), "arrow")
    age = _column(table, "T")
    first = age.max() - age
    steps = numpy.arange(0, age.max() + 1)
    actual, expected = numpy.zeros(len(steps)), numpy.zeros(len(steps))
    births, counts = numpy.unique(first, return_counts=True)
    for birth, count in zip(births, counts, strict=True):
        expected += count * model.expected_purchases_new_customer(numpy.maximum(steps - birth, 0))
    repeats = _repeat_times(loaded, age.max(), unit, instant(until))
    actual = numpy.searchsorted(numpy.sort(repeats), steps, side="right").astype(float)
    ax = _axes(ax)
    ax.plot(steps, actual, label="actual")
    ax.plot(steps, expected, label="model", linestyle="--")
    ax.legend()
    ax.set(xlabel=f"time since the first order of all ({freq})", ylabel="repeat orders", title="cumulative transactions")
    return ax


def _repeat_times(loaded: Any, span: float, unit: float, until: str | None) -> Any:
    """The times of all repeat orders since the first order of all."""
    import numpy

    from homing import _homing
    from homing._frames import frame_of

    table = frame_of(_homing.repeats(loaded.histories, until), "arrow")
    return numpy.asarray(table["day"], dtype="float64") / unit
