"""The model: fit, predict, explain, backtest."""

from __future__ import annotations

import html
import inspect
import io
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homing import _homing
from homing._data import Loaded, When, days, instant, instants, read
from homing._errors import ArgumentError, ModelError, NotFittedError
from homing._frames import Data, frame_of

if TYPE_CHECKING:
    from homing._trees import Trees

Progress = bool | Callable[[str], object]


def _teller(progress: Progress) -> Callable[[str], object] | None:
    """Reports each step: a line on standard error, or a function of the caller's."""
    if progress is True:
        return lambda step: print(f"homing: {step}", file=sys.stderr, flush=True)
    return progress or None


class Model:
    """Predicts purchases, churn and value of each customer. Follows scikit-learn's conventions.

    Parameters
    ----------
    horizons
        Horizons in days. Those of churn and value are added.
    churn_horizon
        `churn_risk` is the probability of no purchase within so many days.
    value_horizon
        `clv` is the expected spend within so many days, discounted.
    discount_rate
        Yearly, from 0 to 10.
    net_of_returns
        Predict spend net of product returns.
    seed
        Seed of every sample: the same data and seed give the same model.
    timezone
        The time zone of the business (IANA name); days are counted in it. UTC by default.
    name
        Name of the model.
    challengers
        Also fit off-the-shelf learners in the backtest, for comparison in the report.
    columns
        From homing's name of a column to your own, such as `{"customer_id": "member", "amount": "total"}`. An empty name
        leaves a column out. Common names are recognised.
    reading
        Options of how data are read: max_rejects, rejects, since, now, accept, dates, decimal, encoding, header, sheet.

    Examples
    --------
    >>> import homing
    >>> purchases = homing.datasets.cdnow()
    >>> model = homing.Model(horizons=(30, 90)).fit(purchases, as_of="1998-03-31")
    >>> scores = model.predict(purchases, as_of="1998-03-31")
    >>> bool(scores["p_purchase_30d"].le(scores["p_purchase_90d"]).where(scores["not_scored"].isna(), True).all())
    True
    """

    def __init__(
        self,
        horizons: int | Sequence[int] = (30, 90, 365),
        *,
        churn_horizon: int = 90,
        value_horizon: int = 365,
        discount_rate: float = 0.1,
        net_of_returns: bool = False,
        seed: int = 0,
        timezone: str | None = None,
        name: str = "homing",
        challengers: bool = False,
        columns: Mapping[str, str] | None = None,
        reading: Mapping[str, Any] | None = None,
    ) -> None:
        """Keeps the parameters; they are checked by `fit`."""
        self.horizons = horizons
        self.churn_horizon = churn_horizon
        self.value_horizon = value_horizon
        self.discount_rate = discount_rate
        self.net_of_returns = net_of_returns
        self.seed = seed
        self.timezone = timezone
        self.name = name
        self.challengers = challengers
        self.columns = columns
        self.reading = reading

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters, as scikit-learn asks for them.

        >>> import homing
        >>> homing.Model(seed=7).get_params()["seed"]
        7
        """
        return {name: getattr(self, name) for name in _parameters()}

    def set_params(self, **params: Any) -> Model:
        """Sets parameters; the model stays as it was fitted until `fit`.

        >>> import homing
        >>> homing.Model().set_params(horizons=30).horizons
        30
        """
        known = _parameters()
        for name, value in params.items():
            if name not in known:
                remedy = f"use one of {', '.join(known)}"
                raise ArgumentError(f"`{name}` is not a parameter of Model; {remedy}", "unknown_parameter", remedy)
            setattr(self, name, value)
        return self

    def fit(self, data: Data, y: object = None, *, as_of: When = None, progress: Progress = False) -> Model:
        """Fits to purchases up to `as_of` (the last event by default).

        `data` is a frame or paths of files; `y` is ignored, it is there for scikit-learn. `progress` is True for lines on
        standard error, or a function that is called with each step. Ctrl-C ends the fit.

        >>> import homing
        >>> model = homing.Model(horizons=(30, 90)).fit(homing.datasets.cdnow(), as_of="1998-03-31")
        >>> model.manifest_["horizons"]
        [30, 90, 365]
        """
        settings = self._settings(self.horizons)
        loaded = self._read(data, self.timezone)
        bundle, failures = _homing.fit(loaded.histories, settings, instant(as_of), _teller(progress))
        self._bundle = bundle
        self.failures_: list[dict[str, str]] = json.loads(failures)
        return self

    def predict(
        self,
        data: Data,
        as_of: When | Iterable[When] = None,
        horizons: int | Sequence[int] | None = None,
        *,
        discount_rate: float | None = None,
        scored_at: When = None,
    ) -> Any:
        """Scores every customer as of each instant: the columns of `homing score --out`, in the frame type that came in.

        `as_of` is one date or time, or several; the last event by default. `horizons` are added to those that the model was
        fitted to: what lies between two of them is interpolated, what lies beyond the last one follows the lifetime model.

        >>> import homing
        >>> purchases = homing.datasets.cdnow()
        >>> model = homing.Model(horizons=(30, 90)).fit(purchases, as_of="1998-03-31")
        >>> scores = model.predict(purchases, horizons=[14])
        >>> scores.shape[0], "p_purchase_14d" in scores.columns
        (23570, True)
        """
        bundle = self._fitted()
        loaded = self._read(data, bundle.timezone)
        further = [] if horizons is None else days(horizons)
        frame = bundle.predict(loaded.histories, instants(as_of), further, discount_rate, instant(scored_at))
        return loaded.frame(frame)

    def explain(self, data: Data, as_of: When = None) -> Any:
        """What moved each customer's probability of a purchase within the churn horizon: one row a customer and feature.

        `base_value` plus the sum of a customer's `contribution` is `log_odds`, the log-odds of `p_purchase`. Beside the features
        there are `lifetime_frequency` and `lifetime_recency` (what the lifetime model adds) and `calibration` (what the base
        rate of the season and the bounds between a customer's numbers change).

        >>> import homing
        >>> purchases = homing.datasets.cdnow()
        >>> rows = homing.Model(horizons=(30, 90)).fit(purchases, as_of="1998-03-31").explain(purchases.head(3000))
        >>> one = rows[rows["customer_id"] == rows["customer_id"].iloc[0]]
        >>> bool(abs(one["base_value"].iloc[0] + one["contribution"].sum() - one["log_odds"].iloc[0]) < 1e-9)
        True
        """
        bundle = self._fitted()
        loaded = self._read(data, bundle.timezone)
        return loaded.frame(bundle.explain(loaded.histories, instant(as_of)))

    def backtest(
        self,
        data: Data,
        cutoffs: When | Iterable[When],
        horizons: int | Sequence[int] | None = None,
        *,
        progress: Progress = False,
    ) -> Backtest:
        """Fits with these parameters at each past cutoff, and judges by what happened next. The model itself does not change.

        `horizons`: the churn horizon by default.

        >>> import homing
        >>> found = homing.Model().backtest(homing.datasets.cdnow(), "1998-03-31", 90)
        >>> bool(found.metrics["buy_auc"].iloc[0] > 0.8)
        True
        """
        wanted = days(self.churn_horizon if horizons is None else horizons)
        at = instants(cutoffs)
        if not at:
            raise ArgumentError("cutoffs: give at least one date", "no_cutoff", "give at least one date")
        loaded = self._read(data, self.timezone)
        found = _homing.backtest(loaded.histories, self._settings(wanted), at, _teller(progress))
        return Backtest(found, loaded.kind, loaded.ids)

    def report(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report on the fit: one HTML page. Returns the page, or writes it and returns the path.

        >>> import homing
        >>> page = homing.Model(horizons=(30, 90)).fit(homing.datasets.cdnow(), as_of="1998-03-31").report()
        >>> page.startswith("<!doctype html>") or page.startswith("<!DOCTYPE html>")
        True
        """
        page = self._fitted().report()
        if page is None:
            raise ModelError("this model has no report; fit it again", "no_report", "fit it again")
        return _written(page, path)

    def save(self, path: str | os.PathLike[str]) -> str:
        """Writes the model as a folder, which `homing.load`, `homing score` and `homing serve` read. Returns the path."""
        self._fitted().save(os.fspath(path))
        return os.fspath(path)

    @property
    def id_(self) -> str:
        """Name and version, such as `homing@1a2b3c4d5e6f`; the version is a hash of the model."""
        return self._fitted().id

    @property
    def manifest_(self) -> dict[str, Any]:
        """What the model was fitted to, and what its backtest measured."""
        manifest: dict[str, Any] = json.loads(self._fitted().manifest())
        return manifest

    @property
    def metrics_(self) -> dict[str, float]:
        """What the model measured on the last window before `as_of`; empty where the history was too short."""
        backtest = (self.manifest_.get("metrics") or {}).get("backtest")
        return dict(backtest["candidates"][0]["metrics"]) if backtest else {}

    @property
    def trees_(self) -> dict[str, Trees]:
        """The trees of each horizon by name, such as `purchase_90d`: what each predicts is in docs/python.md. See `homing.Trees`."""
        from homing._trees import Trees

        names = [name for name, _, _ in _homing.feature_list()]
        return {name: Trees(native, names) for name, native in self._fitted().trees()}

    def __sklearn_is_fitted__(self) -> bool:
        """For scikit-learn."""
        return hasattr(self, "_bundle")

    def __repr__(self) -> str:
        """Parameters that are not the default, and what it was fitted to."""
        defaults = {name: one.default for name, one in inspect.signature(Model).parameters.items()}
        given = ", ".join(f"{k}={v!r}" for k, v in self.get_params().items() if v != defaults[k])
        if not self.__sklearn_is_fitted__():
            return f"Model({given})"
        manifest = self.manifest_
        return f"Model({given}): {self.id_}, fitted to {manifest['data']['customers']} customers until {manifest['as_of_text'][:10]}"

    def _repr_html_(self) -> str:
        """A card for notebooks."""
        if not self.__sklearn_is_fitted__():
            return f"<pre>{html.escape(repr(self))}</pre>"
        manifest, metrics = self.manifest_, self.metrics_
        shown = {
            "horizons": ", ".join(f"{one} days" for one in manifest["horizons"]),
            "customers": f"{manifest['data']['customers']:,}",
            "events": f"{manifest['data']['events']:,}",
            "until": manifest["as_of_text"],
        }
        shown |= {f"backtest: {name}": f"{value:.4g}" for name, value in metrics.items() if isinstance(value, float)}
        rows = "".join(f"<tr><th style='text-align:left'>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in shown.items())
        return f"<table><caption>{html.escape(self.id_)}</caption>{rows}</table>"

    def __getstate__(self) -> dict[str, Any]:
        """For pickle: the parameters, and the bundle as bytes."""
        state = {name: value for name, value in self.__dict__.items() if name != "_bundle"}
        if self.__sklearn_is_fitted__():
            state["bundle_bytes"] = _to_bytes(self._fitted())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """From pickle."""
        state = dict(state)
        packed = state.pop("bundle_bytes", None)
        self.__dict__.update(state)
        if packed is not None:
            self._bundle = _of_bytes(packed)

    def _fitted(self) -> _homing.Bundle:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError("this model is not fitted; call fit first", "not_fitted", "call fit first")
        return self._bundle

    def _read(self, data: Data, timezone: str | None) -> Loaded:
        return read(data, {**(self.reading or {}), "columns": self.columns or {}}, timezone)

    def _settings(self, horizons: int | Sequence[int]) -> dict[str, Any]:
        return {
            "horizons": days(horizons),
            "churn_horizon": days(self.churn_horizon)[0],
            "value_horizon": days(self.value_horizon)[0],
            "discount_rate": float(self.discount_rate),
            "net_of_returns": bool(self.net_of_returns),
            "name": self.name,
            "seed": int(self.seed),
            "challengers": bool(self.challengers),
        }


def _parameters() -> list[str]:
    return [name for name in inspect.signature(Model.__init__).parameters if name != "self"]


def _written(page: str, path: str | os.PathLike[str] | None) -> str:
    if path is None:
        return page
    Path(path).write_text(page, encoding="utf-8")
    return os.fspath(path)


def _to_bytes(bundle: _homing.Bundle) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "bundle"
        bundle.save(str(home))
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(home.iterdir()):
                archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED)
        return packed.getvalue()


def _of_bytes(packed: bytes) -> _homing.Bundle:
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            for name in archive.namelist():
                # A part is a file beside the others, whatever the archive says.
                (Path(folder) / Path(name).name).write_bytes(archive.read(name))
        return _homing.Bundle.load(folder)


def load(path: str | os.PathLike[str], model: str | None = None) -> Model:
    """Loads a model: a folder that `save` wrote, or one of a registry by name, such as `shop` or `shop@challenger`.

    >>> import homing, tempfile
    >>> model = homing.Model(horizons=(30, 90)).fit(homing.datasets.cdnow(), as_of="1998-03-31")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = homing.load(model.save(folder + "/model"))
    >>> again.id_ == model.id_
    True
    """
    place = os.fspath(path)
    if model is not None or not (Path(place) / "manifest.json").exists():
        place = _homing.Bundle.find(place, model)
    bundle = _homing.Bundle.load(place)
    manifest = json.loads(bundle.manifest())
    names = ("churn_horizon", "value_horizon", "discount_rate", "net_of_returns", "seed", "name")
    found = Model(tuple(manifest["horizons"]), timezone=bundle.timezone, **{name: manifest[name] for name in names})
    found._bundle = bundle
    found.failures_ = []
    return found


class Backtest:
    """Backtests of one or several cutoffs and horizons; see `Model.backtest`."""

    def __init__(self, found: _homing.Backtests, kind: str, ids: Any) -> None:
        """Holds what was found, and how results come back."""
        self._found = found
        self._kind = kind
        self._ids = ids
        self.figures: list[dict[str, Any]] = json.loads(found.figures())

    @property
    def metrics(self) -> Any:
        """One row a cutoff, horizon and candidate (homing first, then simple rules): every metric."""
        import pyarrow

        rows = []
        for one in self.figures:
            for candidate in one["candidates"]:
                row = {"cutoff": one["cutoff"], "horizon": one["horizon"], "candidate": candidate["name"]}
                rows.append(row | {k: v for k, v in candidate["metrics"].items() if not isinstance(v, (list, dict))})
        return frame_of(pyarrow.Table.from_pylist(rows), self._kind)

    @property
    def scores(self) -> Any:
        """Scores and outcomes of each customer."""
        return frame_of(self._found.scores(), self._kind, self._ids)

    @property
    def grade(self) -> str:
        """How far homing is ahead of the best simple rule: Poor, Fair, Good or Excellent; the worst of the backtests."""
        order = ["Poor", "Fair", "Good", "Excellent"]
        return min((str(one["grade"]) for one in self.figures), key=order.index)

    def report(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report: one HTML page. Returns the page, or writes it and returns the path."""
        return _written(self._found.report(), path)

    def __repr__(self) -> str:
        """One line a backtest."""
        lines = []
        for one in self.figures:
            own = one["candidates"][0]["metrics"]
            shown = ", ".join(f"{k} {own[k]:.4g}" for k in ("buy_auc", "buy_logloss") if own.get(k) is not None)
            lines.append(f"{one['cutoff'][:10]}, {one['horizon']} days: {one['customers']} customers, {shown}, {one['grade']}")
        return "\n".join(lines)
