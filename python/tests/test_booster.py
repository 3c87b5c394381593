from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import homing


@parametrize_with_checks(
    [homing.BoosterClassifier(min_samples_leaf=2, n_estimators=60), homing.BoosterRegressor(min_samples_leaf=2, n_estimators=200)]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def rows():
    frame = homing.features(homing.datasets.cdnow(), "1998-03-31", labels=90)
    names = [one["name"] for one in homing.feature_list()]
    return frame[names], frame["bought_next_90d"]


def test_it_learns_and_explains(rows):
    X, y = rows
    model = homing.BoosterClassifier().fit(X[::2], y[::2])
    p = model.predict_proba(X[1::2])[:, 1]
    assert roc_auc_score(y[1::2], p) > 0.8
    values, base = model.shap_values(X[1::2])
    assert values.sum(axis=1) + base == pytest.approx(model.decision_function(X[1::2]), abs=1e-6)
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict_proba(X[1::2])[:, 1] == p).all()


def test_wrong_arguments_are_named(rows):
    X, y = rows
    with pytest.raises(homing.ArgumentError, match="objective"):
        homing.BoosterRegressor(objective="mse").fit(X, y)
    with pytest.raises(homing.ArgumentError):
        homing.BoosterClassifier(max_leaf_nodes=1).fit(X, y)
    with pytest.raises(homing.ArgumentError):
        homing.BoosterRegressor(objective="gamma").fit(X, np.zeros(len(y)))
