"""Trees exported: LightGBM and onnxruntime say what homing says."""

from __future__ import annotations

import numpy as np
import pytest

import homing
from homing._trees import _distinct, turning_point


@pytest.fixture(scope="module")
def rows(purchases):
    frame = homing.features(purchases, "1998-03-31", labels=90)
    return frame[[one["name"] for one in homing.feature_list()]], frame


@pytest.fixture(scope="module", params=["classifier", "squared", "poisson", "tweedie", "gamma"])
def fitted(request, rows):
    X, labels = rows
    if request.param == "classifier":
        return homing.BoosterClassifier().fit(X, labels["bought_next_90d"]).trees_
    target = labels["spend_next_90d"].clip(lower=0) + (request.param == "gamma")
    return homing.BoosterRegressor(objective=request.param).fit(X, target).trees_


def edges(trees, X):
    """Rows beside every threshold, where a comparison in another precision would turn out otherwise."""
    X = X.to_numpy(dtype="float64")[:2000].copy()
    rng = np.random.default_rng(1)
    thresholds = {}
    for tree in trees._document()["trees"]:
        for node in tree:
            if node["l"] and abs(node["t"]) < 1e30:
                thresholds.setdefault(node["f"], []).append(node["t"])
    for feature, values in thresholds.items():
        points = np.array([turning_point(one) for one in values])
        near = rng.choice(points, len(X))
        X[:, feature] = np.choose(rng.integers(0, 4, len(X)), [near, np.nextafter(near, np.inf), np.float32(near), np.nan])
    return X


def test_lightgbm_predicts_the_same(fitted, rows):
    lightgbm = pytest.importorskip("lightgbm")
    theirs = lightgbm.Booster(model_str=fitted.to_lightgbm())
    assert theirs.feature_name() == fitted.feature_names and theirs.num_trees() == len(fitted)
    for X in [rows[0].to_numpy(dtype="float64"), edges(fitted, rows[0])]:
        assert (theirs.predict(X, raw_score=True) == fitted.predict(X, margin=True)).all()
        assert theirs.predict(X) == pytest.approx(fitted.predict(X), rel=1e-12)


def test_onnxruntime_predicts_the_same(fitted, rows, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    fitted.to_onnx(tmp_path / "trees.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "trees.onnx", providers=["CPUExecutionProvider"])
    for X in [rows[0].to_numpy(dtype="float64"), edges(fitted, rows[0])]:
        margin, mean = session.run(["margin", "mean"], {"X": X.astype("float32")})
        assert margin[:, 0] == pytest.approx(fitted.predict(X, margin=True), abs=1e-6, rel=1e-6)
        assert mean[:, 0] == pytest.approx(fitted.predict(X), abs=1e-6, rel=1e-6)


def test_the_trees_of_a_model_are_exported(model, rows, tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    onnxruntime = pytest.importorskip("onnxruntime")
    assert {"purchase_30d", "purchase_90d", "spend_90d"} <= set(model.trees_)
    for name, trees in model.trees_.items():
        X = edges(trees, rows[0])
        trees.to_lightgbm(tmp_path / f"{name}.txt")
        theirs = lightgbm.Booster(model_file=tmp_path / f"{name}.txt")
        assert (theirs.predict(X, raw_score=True) == trees.predict(X, margin=True)).all(), name
        session = onnxruntime.InferenceSession(trees.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])
        margin = session.run(["margin"], {"X": X.astype("float32")})[0][:, 0]
        assert margin == pytest.approx(trees.predict(X, margin=True), abs=1e-6, rel=1e-6), name


def test_shap_takes_the_export(rows):
    shap = pytest.importorskip("shap")
    lightgbm = pytest.importorskip("lightgbm")
    X, labels = rows
    model = homing.BoosterClassifier(n_estimators=30).fit(X, labels["bought_next_90d"])
    found = shap.TreeExplainer(lightgbm.Booster(model_str=model.to_lightgbm()))
    theirs = np.asarray(found.shap_values(X[:200]))
    theirs = theirs[1] if theirs.ndim == 3 and theirs.shape[0] == 2 else theirs
    ours, base = model.shap_values(X[:200])
    assert theirs == pytest.approx(ours, abs=1e-6)
    assert float(np.ravel(found.expected_value)[-1]) == pytest.approx(base, abs=1e-6)


def test_a_value_between_two_floats_of_32_bits_goes_where_it_is_rounded_to():
    rng = np.random.default_rng(2)
    for one in np.concatenate([rng.normal(size=200), [0.0, 1.0, -1.0, 3e38, 1e-40]]).astype("float32"):
        point = turning_point(one)
        with np.errstate(over="ignore"):
            assert np.float32(point) <= one < np.float32(np.nextafter(point, np.inf))
    assert turning_point(np.finfo("float32").max) == float("inf")


def test_trees_without_splits_and_odd_names_are_exported():
    lightgbm = pytest.importorskip("lightgbm")
    onnxruntime = pytest.importorskip("onnxruntime")
    import pandas as pd

    X = pd.DataFrame({"a b": [1.0, 2.0, 3.0, 4.0], "a_b": [1.0, 1.0, 1.0, 1.0], 'x:"y"': [0.0, 1.0, 0.0, 1.0]})
    model = homing.BoosterRegressor(n_estimators=3).fit(X, [1.0, 2.0, 3.0, 5.0])  # too few rows for a split
    theirs = lightgbm.Booster(model_str=model.to_lightgbm())
    assert theirs.predict(X) == pytest.approx(model.predict(X), abs=1e-12)
    assert len(set(theirs.feature_name())) == 3
    session = onnxruntime.InferenceSession(model.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.run(["mean"], {"X": X.to_numpy("float32")})[0][:, 0] == pytest.approx(model.predict(X), abs=1e-6)


def test_names_made_unique_do_not_collide():
    assert _distinct(["a_b", "a_b", "a_b_1"]) == ["a_b", "a_b_2", "a_b_1"]
    assert _distinct(["x"] * 3 + ["y"]) == ["x", "x_1", "x_2", "y"]


def test_rows_of_another_width_are_refused(model):
    with pytest.raises(homing.ArgumentError, match="features"):
        model.trees_["purchase_90d"].predict(np.zeros((2, 3)))
    with pytest.raises(homing.ArgumentError, match="dimensions"):
        model.trees_["purchase_90d"].predict(np.zeros(3))
