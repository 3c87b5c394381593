"""Churn, repurchase and lifetime value of retail customers.

>>> import homing
>>> model = homing.Model(horizons=(30, 90)).fit(homing.datasets.cdnow())
>>> model
Model(horizons=(30, 90)): homing@..., fitted to 23502 customers until 1998-06-30
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homing import datasets
from homing._data import Check, check, feature_list, features, rfm, summary
from homing._errors import (
    ArgumentError,
    DataError,
    DataWarning,
    Error,
    InternalError,
    ModelError,
    NotFittedError,
)
from homing._homing import __version__
from homing._model import Backtest, Model, load
from homing.lifetimes import BgNbd, GammaGamma, MbgNbd, ParetoNbd

if TYPE_CHECKING:
    from homing import plot
    from homing._booster import BoosterClassifier, BoosterRegressor

__all__ = [
    "ArgumentError",
    "Backtest",
    "BgNbd",
    "BoosterClassifier",
    "BoosterRegressor",
    "Check",
    "DataError",
    "DataWarning",
    "Error",
    "GammaGamma",
    "InternalError",
    "MbgNbd",
    "Model",
    "ModelError",
    "NotFittedError",
    "ParetoNbd",
    "__version__",
    "check",
    "datasets",
    "feature_list",
    "features",
    "load",
    "plot",
    "rfm",
    "summary",
]


def __getattr__(name: str) -> Any:
    """What needs scikit-learn or matplotlib is imported when it is first used."""
    import importlib

    if name in {"BoosterClassifier", "BoosterRegressor"}:
        return getattr(importlib.import_module("homing._booster"), name)
    if name == "plot":
        return importlib.import_module("homing.plot")
    raise AttributeError(f"module 'homing' has no attribute {name!r}")
