"""Churn, repurchase and lifetime value of retail customers.

>>> import homing
>>> model = homing.Model(horizons=(30, 90)).fit(homing.datasets.cdnow(), as_of="1998-03-31")
>>> model
Model(horizons=(30, 90)): homing@..., fitted to 23502 customers until 1998-03-31
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
    from homing import mlflow, plot
    from homing._booster import BoosterClassifier, BoosterRegressor
    from homing._client import AsyncClient, Client
    from homing._functions import Campaign, Evaluation, Identity, Simulation, Uplift, baskets, identity, simulate, uplift
    from homing._service import ServiceError
    from homing._trees import Trees

__all__ = [
    "ArgumentError",
    "AsyncClient",
    "Backtest",
    "BgNbd",
    "BoosterClassifier",
    "BoosterRegressor",
    "Campaign",
    "Check",
    "Client",
    "DataError",
    "DataWarning",
    "Error",
    "Evaluation",
    "GammaGamma",
    "Identity",
    "InternalError",
    "MbgNbd",
    "Model",
    "ModelError",
    "NotFittedError",
    "ParetoNbd",
    "ServiceError",
    "Simulation",
    "Trees",
    "Uplift",
    "__version__",
    "baskets",
    "check",
    "datasets",
    "feature_list",
    "features",
    "identity",
    "load",
    "mlflow",
    "plot",
    "rfm",
    "simulate",
    "summary",
    "uplift",
]


_LATER = {
    "AsyncClient": "_client",
    "BoosterClassifier": "_booster",
    "BoosterRegressor": "_booster",
    "Campaign": "_functions",
    "Client": "_client",
    "Evaluation": "_functions",
    "Identity": "_functions",
    "ServiceError": "_service",
    "Simulation": "_functions",
    "Trees": "_trees",
    "Uplift": "_functions",
    "baskets": "_functions",
    "identity": "_functions",
    "simulate": "_functions",
    "uplift": "_functions",
}


def __getattr__(name: str) -> Any:
    """What needs numpy, scikit-learn, matplotlib or another library is imported when it is first used."""
    import importlib

    if name in _LATER:
        return getattr(importlib.import_module(f"homing.{_LATER[name]}"), name)
    if name in {"mlflow", "plot"}:
        return importlib.import_module(f"homing.{name}")
    raise AttributeError(f"module 'homing' has no attribute {name!r}")
