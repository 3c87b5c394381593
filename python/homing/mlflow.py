"""Models in MLflow (`pip install homing[mlflow]`): saved, logged with parameters, metrics and report, and loaded to score in-process.

>>> import homing, homing.mlflow, mlflow, pandas, tempfile
>>> purchases = homing.datasets.cdnow()
>>> model = homing.Model(horizons=(30, 90)).fit(purchases, as_of="1998-03-31")
>>> with tempfile.TemporaryDirectory() as folder:
...     homing.mlflow.save_model(model, folder + "/shop")
...     scorer = mlflow.pyfunc.load_model(folder + "/shop")
...     scores = scorer.predict(purchases.head(3000), params={"as_of": "1998-03-31"})
>>> len(scores) == purchases.head(3000)["customer_id"].nunique()
True
"""

from __future__ import annotations

import os
import platform
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homing import _homing
from homing._errors import ArgumentError, DataWarning
from homing._model import Model, load

if TYPE_CHECKING:
    from mlflow.models import Model as Card
    from mlflow.models.model import ModelInfo

FLAVOR_NAME = "homing"
_FOLDER = "bundle"
_ENVIRONMENT = "python: {python}\nbuild_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n"


def _mlflow() -> Any:
    try:
        import mlflow
        import mlflow.pyfunc
    except ImportError as error:
        remedy = "pip install homing[mlflow]"
        raise ArgumentError(f"the package mlflow is not installed; {remedy}", "not_installed", remedy) from error
    return mlflow


def get_default_pip_requirements() -> list[str]:
    """What an environment that scores needs."""
    return [f"homing=={_homing.__version__}", "pandas"]


def _signature() -> Any:
    """The parameters that `predict` takes; columns are recognised by name, so frames have no schema."""
    from mlflow.models import ModelSignature
    from mlflow.types import ParamSchema, ParamSpec

    return ModelSignature(
        params=ParamSchema(
            [ParamSpec("as_of", "string", ""), ParamSpec("horizons", "long", [0], (-1,)), ParamSpec("discount_rate", "double", -1.0)]
        )
    )


def save_model(
    model: Model,
    path: str | os.PathLike[str],
    *,
    mlflow_model: Card | None = None,
    pip_requirements: list[str] | None = None,
    metadata: dict[str, Any] | None = None,
) -> None:
    """Saves a fitted model as an MLflow model, with the flavours `homing` and `python_function`.

    `pip_requirements`: this version of homing by default. homing is not on PyPI, so name your wheel where MLflow builds environments.
    """
    mlflow = _mlflow()
    from mlflow.models import Model as Card

    place = Path(path)
    place.mkdir(parents=True, exist_ok=True)
    model.save(place / _FOLDER)
    card = mlflow_model if mlflow_model is not None else Card()
    if metadata is not None:
        card.metadata = metadata
    if card.signature is None:
        card.signature = _signature()
    requirements = pip_requirements or get_default_pip_requirements()
    (place / "requirements.txt").write_text("\n".join(requirements) + "\n", encoding="utf-8")
    mlflow.pyfunc.add_to_model(card, loader_module="homing.mlflow", data=_FOLDER, python_env="python_env.yaml")
    (place / "python_env.yaml").write_text(_ENVIRONMENT.format(python=platform.python_version()), encoding="utf-8")
    card.add_flavor(FLAVOR_NAME, homing_version=_homing.__version__, data=_FOLDER, model_id=model.id_)
    card.save(str(place / "MLmodel"))


def log_model(
    model: Model,
    name: str = "model",
    *,
    log_run: bool = True,
    registered_model_name: str | None = None,
    pip_requirements: list[str] | None = None,
    metadata: dict[str, Any] | None = None,
) -> ModelInfo:
    """Logs a fitted model to the active run (or a new one), by default with its parameters, metrics and report (`report.html`)."""
    mlflow = _mlflow()
    from mlflow.models import Model as Card

    import homing.mlflow as flavor

    own = None if mlflow.active_run() else mlflow.start_run()
    try:
        if log_run:
            log_fit(model)
        info: ModelInfo = Card.log(
            artifact_path=None,
            name=name,
            flavor=flavor,
            model=model,
            registered_model_name=registered_model_name,
            pip_requirements=pip_requirements,
            metadata=metadata,
        )
        return info
    finally:
        if own is not None:
            mlflow.end_run()


def log_fit(model: Model) -> None:
    """Logs what a fitted model was made with to the active run: parameters, data, metrics of its backtest, report."""
    mlflow = _mlflow()
    manifest = model.manifest_
    params = {name: value for name, value in model.get_params().items() if value is not None}
    mlflow.log_params(params | {"model": model.id_, "as_of": manifest["as_of_text"]})
    figures = {"customers": manifest["data"]["customers"], "events": manifest["data"]["events"]} | model.metrics_
    mlflow.log_metrics({name: float(value) for name, value in figures.items() if isinstance(value, (int, float))})
    mlflow.set_tag("homing.model", model.id_)
    with tempfile.TemporaryDirectory() as folder:
        mlflow.log_artifact(model.report(os.path.join(folder, "report.html")))


def load_model(model_uri: str) -> Model:
    """Loads a model that was logged or saved, such as `runs:/RUN/model` or `models:/shop@champion`.

    A model of a homing registry needs none of this: `homing.load`.
    """
    _mlflow()
    from mlflow.artifacts import download_artifacts

    return load(Path(download_artifacts(model_uri)) / _FOLDER)


class _Scorer:
    """What MLflow calls to score: a frame of purchases in, one row a customer out."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        given = dict(params or {})
        horizons = [one for one in given.get("horizons", []) if one]
        rate = given.get("discount_rate", -1.0)
        with warnings.catch_warnings():
            # Nobody reads warnings about data in a service that scores; `homing.check` gives the same ones.
            warnings.simplefilter("ignore", DataWarning)
            return self.model.predict(
                model_input, given.get("as_of") or None, horizons or None, discount_rate=None if rate < 0 else float(rate)
            )


def _load_pyfunc(path: str) -> _Scorer:
    return _Scorer(load(path))
