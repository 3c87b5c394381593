"""The booster as a scikit-learn estimator."""

from __future__ import annotations

import os
from typing import Any

import numpy
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from homing import _homing
from homing._trees import Trees

Array = Any


class _Booster(BaseEstimator):  # type: ignore[misc]
    """What classifier and regressor share."""

    def __init__(
        self,
        *,
        n_estimators: int = 130,
        learning_rate: float = 0.08,
        max_leaf_nodes: int = 8,
        min_samples_leaf: float = 40.0,
        l2_regularization: float = 5.0,
        subsample: float = 0.6,
        max_features: float = 0.5,
        random_state: Any = 0,
    ) -> None:
        """Keeps the hyperparameters."""
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.subsample = subsample
        self.max_features = max_features
        self.random_state = random_state

    def _seed(self) -> int:
        if isinstance(self.random_state, numpy.random.RandomState):
            return int(self.random_state.randint(2**31))
        return 0 if self.random_state is None else int(self.random_state)

    def _grow(self, rows: Array, targets: Array, objective: str) -> None:
        growing = {
            "objective": objective,
            "trees": int(self.n_estimators),
            "learning_rate": float(self.learning_rate),
            "leaves": int(self.max_leaf_nodes),
            "min_leaf_rows": float(self.min_samples_leaf),
            "l2": float(self.l2_regularization),
            "row_share": float(self.subsample),
            "feature_share": float(self.max_features),
            "seed": self._seed(),
        }
        floats = numpy.ascontiguousarray(rows, dtype="<f4").tobytes()
        targets = numpy.ascontiguousarray(targets, dtype="<f8").tobytes()
        self._model = _homing.fit_booster(floats, rows.shape[1], targets, growing)

    def _means(self, X: Array) -> Array:
        check_is_fitted(self)
        rows = validate_data(self, X, dtype="float64", ensure_all_finite="allow-nan", reset=False)
        floats = numpy.ascontiguousarray(rows, dtype="<f4").tobytes()
        return numpy.frombuffer(self._model.predict(floats, rows.shape[1], True), dtype="<f8").astype("float64")

    def shap_values(self, X: Array) -> tuple[Array, float]:
        """SHAP values of each row and feature in units of the margin, and the base value; together they sum to the margin."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype="float64", ensure_all_finite="allow-nan", reset=False)
        floats = numpy.ascontiguousarray(rows, dtype="<f4").tobytes()
        found, base = self._model.explain(floats, rows.shape[1])
        return numpy.frombuffer(found, dtype="<f8").reshape(rows.shape), base

    @property
    def trees_(self) -> Trees:
        """The trees alone, as they are exported."""
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None)
        named = [f"Column_{at}" for at in range(self.n_features_in_)] if names is None else [str(name) for name in names]
        return Trees(self._model, named)

    def to_lightgbm(self, path: str | os.PathLike[str] | None = None) -> str:
        """The trees as LightGBM's text; see `homing.Trees.to_lightgbm`."""
        return self.trees_.to_lightgbm(path)

    def to_onnx(self, path: str | os.PathLike[str] | None = None) -> Any:
        """The trees as an `onnx.ModelProto`; see `homing.Trees.to_onnx`."""
        return self.trees_.to_onnx(path)

    def __sklearn_is_fitted__(self) -> bool:
        """For scikit-learn."""
        return hasattr(self, "_model")

    def __sklearn_tags__(self) -> Any:
        """For scikit-learn: NaN is a value that is not known."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """For pickle: the native booster as JSON."""
        state = dict(super().__getstate__())
        if "_model" in state:
            state["_model"] = state["_model"].to_json()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """From pickle."""
        state = dict(state)
        if isinstance(state.get("_model"), str):
            state["_model"] = _homing.Booster.from_json(state["_model"])
        super().__setstate__(state)


class BoosterClassifier(ClassifierMixin, _Booster):  # type: ignore[misc]
    """homing's gradient-boosted trees for two classes: small, well-regularised trees. NaN is a value that is not known.

    >>> import homing
    >>> rows = homing.features(homing.datasets.cdnow(), "1998-03-31", labels=90)
    >>> X, y = rows[[one["name"] for one in homing.feature_list()]], rows["bought_next_90d"]
    >>> homing.BoosterClassifier().fit(X, y).predict_proba(X).shape
    (23502, 2)
    """

    def fit(self, X: Array, y: Array) -> BoosterClassifier:
        """Fits to rows and their classes."""
        X, y = validate_data(self, X, y, dtype="float64", ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_, places = numpy.unique(y, return_inverse=True)
        if len(self.classes_) != 2:
            if len(self.classes_) > 2:
                raise ValueError(
                    f"Only binary classification is supported. The type of the target is multiclass: {len(self.classes_)} classes."
                )
            raise ValueError("y has one class; the classifier needs samples of two classes")
        self._grow(X, places, "logistic")
        return self

    def predict_proba(self, X: Array) -> Array:
        """The probability of each class."""
        p = self._means(X)
        return numpy.column_stack([1 - p, p])

    def decision_function(self, X: Array) -> Array:
        """The log-odds of the second class."""
        p = self._means(X)
        return numpy.log(p) - numpy.log1p(-p)

    def predict(self, X: Array) -> Array:
        """The likelier class."""
        second = self._means(X) > 0.5
        return self.classes_[second.astype(int)]

    def __sklearn_tags__(self) -> Any:
        """For scikit-learn: two classes only."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


class BoosterRegressor(RegressorMixin, _Booster):  # type: ignore[misc]
    """homing's gradient-boosted trees for numbers; objective: squared, poisson, gamma or tweedie.

    >>> import homing
    >>> rows = homing.features(homing.datasets.cdnow(), "1998-03-31", labels=90)
    >>> X, y = rows[[one["name"] for one in homing.feature_list()]], rows["orders_next_90d"]
    >>> bool((homing.BoosterRegressor(objective="poisson").fit(X, y).predict(X) > 0).all())
    True
    """

    def __init__(
        self,
        *,
        objective: str = "squared",
        n_estimators: int = 130,
        learning_rate: float = 0.08,
        max_leaf_nodes: int = 8,
        min_samples_leaf: float = 40.0,
        l2_regularization: float = 5.0,
        subsample: float = 0.6,
        max_features: float = 0.5,
        random_state: Any = 0,
    ) -> None:
        """Keeps the hyperparameters."""
        super().__init__(
            n_estimators=n_estimators,
            learning_rate=learning_rate,
            max_leaf_nodes=max_leaf_nodes,
            min_samples_leaf=min_samples_leaf,
            l2_regularization=l2_regularization,
            subsample=subsample,
            max_features=max_features,
            random_state=random_state,
        )
        self.objective = objective

    def fit(self, X: Array, y: Array) -> BoosterRegressor:
        """Fits to rows and their targets."""
        X, y = validate_data(self, X, y, dtype="float64", ensure_all_finite="allow-nan", y_numeric=True)
        self._grow(X, y, self.objective)
        return self

    def predict(self, X: Array) -> Array:
        """The expected target of each row."""
        return self._means(X)
