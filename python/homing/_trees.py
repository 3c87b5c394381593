"""Trees that were fitted: predictions, SHAP values, and exports as LightGBM text and ONNX."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy

from homing import _homing
from homing._errors import ArgumentError

Array = Any

_LINKS = {"logistic": "Sigmoid", "poisson": "Exp", "gamma": "Exp", "tweedie": "Exp"}


class Trees:
    """Gradient-boosted trees: `margin = intercept + Σ trees`, over rows of floats in the order of `feature_names`.

    Those of a fitted `homing.Model` are in `Model.trees_`, by name; rows for them come from `homing.features`. They are one
    base learner: lifetime models, stacking weights and calibration turn them into what `predict` says.

    >>> import homing
    >>> purchases = homing.datasets.cdnow()
    >>> model = homing.Model(horizons=(30, 90)).fit(purchases, as_of="1998-03-31")
    >>> trees = model.trees_["purchase_90d"]
    >>> rows = homing.features(purchases, "1998-03-31")[trees.feature_names]
    >>> trees
    Trees(... trees over 115 features, objective logistic)
    >>> trees.predict(rows, margin=True).shape
    (23502,)
    >>> trees.to_lightgbm()[:16]
    'tree\\nversion=v4\\n'
    """

    def __init__(self, native: _homing.Booster, feature_names: list[str]) -> None:
        """Holds trees and the names of their features."""
        self._native = native
        self.feature_names = feature_names

    @property
    def objective(self) -> str:
        """The objective that they were fitted to: logistic, squared, poisson, gamma, tweedie or quantile."""
        return str(self._document()["objective_name"])

    def __len__(self) -> int:
        """Number of trees."""
        return len(self._document()["trees"])

    def __repr__(self) -> str:
        """How many trees, over what, to what end."""
        return f"Trees({len(self)} trees over {len(self.feature_names)} features, objective {self.objective})"

    def predict(self, X: Array, *, margin: bool = False) -> Array:
        """The mean of each row, or its margin (log-odds, or the log of the mean)."""
        floats, width = _floats(X)
        return numpy.frombuffer(self._native.predict(floats, width, not margin), dtype="<f8").astype("float64")

    def shap_values(self, X: Array) -> tuple[Array, float]:
        """SHAP values of each row and feature in units of the margin, and the base value; together they sum to the margin."""
        floats, width = _floats(X)
        found, base = self._native.explain(floats, width)
        return numpy.frombuffer(found, dtype="<f8").reshape(-1, width), base

    def to_lightgbm(self, path: str | os.PathLike[str] | None = None) -> str:
        """The trees as a text that `lightgbm.Booster(model_str=...)` reads; written to `path` where one is given.

        LightGBM compares floats of 64 bits. The thresholds are those at which a value, rounded to the 32 bits of these trees,
        changes sides, so that every finite row and every missing value reaches the same leaves. The intercept is in the leaves
        of the first tree. Margins are equal to the bit.
        """
        text = _lightgbm(self._document(), self.feature_names)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def to_onnx(self, path: str | os.PathLike[str] | None = None) -> Any:
        """The trees as an `onnx.ModelProto`; written to `path` where one is given. Needs `pip install homing[onnx]`.

        Input `X`: floats of 32 bits, rows by features, NaN for missing values. Outputs: `margin` and `mean`, rows by 1, floats of
        32 bits; a classifier's `mean` is the probability of its second class. Sums are made in 64 bits (`TreeEnsembleRegressor` of
        ai.onnx.ml 3), so that only the outputs are rounded: within 1e-6 of the margin and, relative to it, of the mean.
        """
        model = _onnx(self._document())
        if path is not None:
            Path(path).write_bytes(model.SerializeToString())
        return model

    def _document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._native.to_json())
        objective = found["objective"]
        found["objective_name"], found["power"] = (objective, None) if isinstance(objective, str) else next(iter(objective.items()))
        return found


def _floats(X: Array) -> tuple[bytes, int]:
    rows = numpy.ascontiguousarray(X, dtype="<f4")
    if rows.ndim != 2:
        remedy = "give a frame or an array of two dimensions"
        raise ArgumentError(f"X has {rows.ndim} dimensions; {remedy}", "shape", remedy)
    return rows.tobytes(), rows.shape[1]


def _no_categories(trees: list[list[dict[str, Any]]]) -> None:
    if any("s" in node for tree in trees for node in tree):
        remedy = "fit without categorical features"
        raise ArgumentError(f"trees with categorical splits cannot be exported; {remedy}", "categorical_export", remedy)


def turning_point(threshold: float) -> float:
    """The largest float of 64 bits that is at most `threshold` once it is rounded to 32 bits; infinity for the largest threshold.

    >>> from homing._trees import turning_point
    >>> import numpy
    >>> point = turning_point(0.1)
    >>> bool(numpy.float32(point) <= numpy.float32(0.1) < numpy.float32(numpy.nextafter(point, 1)))
    True
    """
    low = numpy.float32(threshold)
    if low >= numpy.finfo("float32").max:
        return float("inf")
    high = numpy.nextafter(low, numpy.float32("inf"))
    middle = (float(low) + float(high)) / 2
    # Halves are rounded to the even neighbour.
    return middle if numpy.float32(middle) == low else float(numpy.nextafter(middle, -numpy.inf))


_LIGHTGBM_OBJECTIVES = {
    "logistic": "binary sigmoid:1",
    "squared": "regression",
    "poisson": "poisson",
    "gamma": "gamma",
    "tweedie": "tweedie tweedie_variance_power:{power}",
    "quantile": "quantile alpha:{power}",
}


def _distinct(names: list[str]) -> list[str]:
    """The names, none of them twice: a repeated one gets the first number that makes it unique."""
    taken, found = set(names), list[str]()
    for name in names:
        one, number = name, 0
        while one in found or (number and one in taken):
            number += 1
            one = f"{name}_{number}"
        found.append(one)
    return found


def _lightgbm(document: dict[str, Any], names: list[str]) -> str:
    trees: list[list[dict[str, Any]]] = document["trees"] or [[{"f": 0, "t": 0, "m": False, "l": 0, "r": 0, "v": 0.0, "c": 1}]]
    _no_categories(trees)
    # Characters by which LightGBM divides its text.
    plain = _distinct([re.sub(r'[\s",:\[\]{}]', "_", name) for name in names])
    blocks = [_lightgbm_tree(at, tree, document["intercept"] if at == 0 else 0.0) for at, tree in enumerate(trees)]
    used: dict[int, list[float]] = {}
    for tree in trees:
        for node in tree:
            if node["l"]:
                used.setdefault(node["f"], []).append(node["t"])
    infos = [f"[{min(used[at]):.17g}:{max(used[at]):.17g}]" if at in used else "none" for at in range(len(names))]
    head = [
        "tree",
        "version=v4",
        "num_class=1",
        "num_tree_per_iteration=1",
        "label_index=0",
        f"max_feature_idx={len(names) - 1}",
        f"objective={_LIGHTGBM_OBJECTIVES[document['objective_name']].format(power=document['power'])}",
        "feature_names=" + " ".join(plain),
        "feature_infos=" + " ".join(infos),
        "tree_sizes=" + " ".join(str(len(block.encode())) for block in blocks),
    ]
    importances = sorted(((len(splits), at) for at, splits in used.items()), key=lambda one: (-one[0], one[1]))
    tail = ["end of trees", "", "feature_importances:", *(f"{plain[at]}={count}" for count, at in importances)]
    tail += ["", "parameters:", "[boosting: gbdt]", "end of parameters", "", "pandas_categorical:null", ""]
    return "\n".join(head) + "\n\n" + "".join(blocks) + "\n".join(tail)


def _lightgbm_tree(at: int, nodes: list[dict[str, Any]], intercept: float) -> str:
    splits = [place for place, node in enumerate(nodes) if node["l"]]
    leaves = [place for place, node in enumerate(nodes) if not node["l"]]
    number = {place: nth for nth, place in enumerate(splits)} | {place: ~nth for nth, place in enumerate(leaves)}
    # Counts are whole numbers there; weighted rows keep their ratio.
    whole = all(float(node["c"]).is_integer() for node in nodes)
    scale = 1.0 if whole else 2.0**30 / max(nodes[0]["c"], 1e-30)
    inner, ends = [nodes[place] for place in splits], [nodes[place] for place in leaves]

    def join(values: Any) -> str:
        return " ".join(str(value) for value in values)

    def real(value: float) -> str:
        return "1.7976931348623157e+308" if value == float("inf") else f"{value:.17g}"

    lines = [f"Tree={at}", f"num_leaves={len(leaves)}", "num_cat=0"]
    if splits:
        lines += [
            "split_feature=" + join(node["f"] for node in inner),
            "split_gain=" + join(0 for _ in inner),
            "threshold=" + join(real(turning_point(node["t"])) for node in inner),
            # NaN is missing (8), and goes left by default (2) or right.
            "decision_type=" + join(8 | (2 if node["m"] else 0) for node in inner),
            "left_child=" + join(number[node["l"]] for node in inner),
            "right_child=" + join(number[node["r"]] for node in inner),
        ]
    lines.append("leaf_value=" + join(real(intercept + node["v"]) for node in ends))
    if splits:
        lines += [
            "leaf_weight=" + join(real(node["c"]) for node in ends),
            "leaf_count=" + join(round(node["c"] * scale) for node in ends),
            "internal_value=" + join(real(value) for value in _means(nodes, splits, intercept)),
            "internal_weight=" + join(real(node["c"]) for node in inner),
            "internal_count=" + join(round(node["c"] * scale) for node in inner),
        ]
    return "\n".join([*lines, "is_linear=0", "shrinkage=1", "", "", ""])


def _means(nodes: list[dict[str, Any]], splits: list[int], intercept: float) -> list[float]:
    """The mean value of the rows that came by each split."""
    values = [intercept + node["v"] for node in nodes]
    for place in reversed(splits):  # children come after their parent
        left, right = nodes[place]["l"], nodes[place]["r"]
        weights = nodes[left]["c"], nodes[right]["c"]
        values[place] = (weights[0] * values[left] + weights[1] * values[right]) / max(sum(weights), 1e-30)
    return [values[place] for place in splits]


def _onnx(document: dict[str, Any]) -> Any:
    try:
        from onnx import TensorProto, checker, helper
    except ImportError as error:
        remedy = "pip install homing[onnx]"
        raise ArgumentError(f"the package onnx is not installed; {remedy}", "not_installed", remedy) from error

    trees: list[list[dict[str, Any]]] = document["trees"] or [[{"f": 0, "t": 0, "m": False, "l": 0, "r": 0, "v": 0.0}]]
    _no_categories(trees)
    rows = [(at, place, node) for at, tree in enumerate(trees) for place, node in enumerate(tree)]
    leaves = [row for row in rows if not row[2]["l"]]

    def doubles(name: str, values: list[float]) -> Any:
        return helper.make_tensor(name, TensorProto.DOUBLE, [len(values)], values)

    # Every value past the largest threshold counts as it, infinity too.
    largest = float(numpy.finfo("float32").max)
    thresholds = [float("inf") if node["t"] >= largest else float(numpy.float32(node["t"])) for _, _, node in rows]
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["wide"],
        ["margin"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        base_values_as_tensor=doubles("intercept", [document["intercept"]]),
        nodes_treeids=[at for at, _, _ in rows],
        nodes_nodeids=[place for _, place, _ in rows],
        nodes_featureids=[node["f"] for _, _, node in rows],
        nodes_modes=["BRANCH_LEQ" if node["l"] else "LEAF" for _, _, node in rows],
        nodes_values_as_tensor=doubles("thresholds", thresholds),
        nodes_truenodeids=[node["l"] for _, _, node in rows],
        nodes_falsenodeids=[node["r"] for _, _, node in rows],
        nodes_missing_value_tracks_true=[int(node["m"]) for _, _, node in rows],
        target_treeids=[at for at, _, _ in leaves],
        target_nodeids=[place for _, place, _ in leaves],
        target_ids=[0 for _ in leaves],
        target_weights_as_tensor=doubles("leaves", [node["v"] for _, _, node in leaves]),
    )
    link = _LINKS.get(document["objective_name"], "Identity")
    nodes = [helper.make_node("Cast", ["X"], ["wide"], to=TensorProto.DOUBLE), ensemble]
    nodes.append(helper.make_node(link, ["margin"], ["mean"]))
    graph = helper.make_graph(
        nodes,
        "homing",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["rows", document["features"]])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 1]) for name in ("margin", "mean")],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="homing", ir_version=8)
    model.producer_version = _homing.__version__
    checker.check_model(model)
    return model
