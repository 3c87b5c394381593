from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import ROOT
from sklearn.base import clone

import homing

NOW = "1998-07-01T00:00:00Z"


@pytest.fixture(scope="module")
def by_program(tmp_path_factory, program):
    """A model and scores by the programs, from the bundled file."""
    folder = tmp_path_factory.mktemp("programs")
    file = ROOT / "datasets" / "cdnow.parquet"
    fit = ["fit", "--purchases", file, "--horizons", "30,90", "--as-of", "1998-03-31", "--name", "homing", "--now", NOW]
    program("homing-train", *fit, "--registry", folder / "registry", cwd=folder)
    score = ["score", "--purchases", file, "--registry", folder / "registry", "--as-of", "1998-03-31", "--now", NOW]
    program("homing", *score, "--scored-at", NOW, "--out", folder / "scores.parquet", cwd=folder)
    return folder


def test_scores_equal_those_of_the_programs_to_the_bit(by_program, model, purchases):
    theirs = pa.parquet.read_table(by_program / "scores.parquet")
    ours = model.predict(pa.Table.from_pandas(purchases), as_of="1998-03-31", scored_at=NOW)
    assert ours.column_names == theirs.column_names
    for name in theirs.column_names:
        mine, yours = ours[name].combine_chunks(), theirs[name].combine_chunks()
        if pa.types.is_floating(yours.type):
            mine, yours = (np.nan_to_num(one.to_numpy(False), nan=-1).view("u8") for one in (mine, yours))
            assert (mine == yours).all(), name
        else:
            assert mine.cast(yours.type).equals(yours), name


def test_the_same_data_and_seed_give_the_model_of_the_programs(by_program, model):
    theirs = homing.load(by_program / "registry")
    assert theirs.id_ == model.id_
    assert homing.load(by_program / "registry", "homing@champion").id_ == model.id_


def test_files_and_frames_give_the_same_scores(model, few, tmp_path):
    few.to_csv(tmp_path / "a.csv", index=False)
    of_file = model.predict(str(tmp_path / "*.csv"), scored_at=NOW)
    of_frame = model.predict(pl.from_pandas(few), scored_at=NOW)
    assert isinstance(of_file, pa.Table) and isinstance(of_frame, pl.DataFrame)
    for name in ["customer_id", "churn_risk", "clv"]:
        assert of_frame[name].to_list() == of_file[name].to_pylist()


def test_several_instants_stand_below_each_other(model, few):
    scores = model.predict(few, as_of=["1998-03-31", pd.Timestamp("1998-06-30")])
    assert len(scores) == 2 * 2_357
    assert scores["as_of"].dt.strftime("%Y-%m-%d").unique().tolist() == ["1998-03-31", "1998-06-30"]
    assert str(scores["as_of"].iloc[0]) == "1998-03-31 23:59:59.999999+00:00"


def test_contributions_sum_to_the_log_odds_of_what_is_served(model, few):
    rows = model.explain(few, as_of="1998-03-31")
    assert rows["base_value"].nunique() == 1
    sums = rows.groupby("customer_id").agg(
        total=("contribution", "sum"), log_odds=("log_odds", "first"), base=("base_value", "first"), p=("p_purchase", "first")
    )
    assert (sums["total"] + sums["base"] - sums["log_odds"]).abs().max() < 1e-9
    scores = model.predict(few, as_of="1998-03-31").set_index("customer_id")["p_purchase_90d"].dropna()
    assert (sums["p"] - scores).abs().max() == 0
    assert (1 / (1 + np.exp(-sums["log_odds"])) - sums["p"]).abs().max() < 1e-12
    names = rows["feature"].iloc[: rows["feature"].nunique()].tolist()
    assert names == [one["name"] for one in homing.feature_list()] + ["lifetime_frequency", "lifetime_recency", "calibration"]


def test_contributions_do_not_depend_on_who_else_is_explained(model, few):
    everybody = model.explain(few, as_of="1998-03-31").set_index(["customer_id", "feature"])
    some = model.explain(few[few["customer_id"].str.endswith("1")], as_of="1998-03-31").set_index(["customer_id", "feature"])
    for name in ["base_value", "contribution", "log_odds"]:
        assert (some[name] - everybody[name].reindex(some.index)).abs().max() < 1e-9, name


def test_a_backtest_judges_homing_beside_simple_rules(few, tmp_path):
    found = homing.Model(seed=3).backtest(few, ["1997-12-31", "1998-03-31"], 90)
    assert len(found.figures) == 2 and found.grade in {"Poor", "Fair", "Good", "Excellent"}
    metrics = found.metrics
    assert metrics["candidate"].iloc[0] == "homing" and metrics["candidate"].str.startswith("rule").any()
    assert {"p_purchase", "bought", "spend"} <= set(found.scores.columns)
    assert "90 days" in repr(found)
    path = found.report(tmp_path / "backtest.html")
    assert "<html" in Path(path).read_text(encoding="utf-8")


def test_a_model_survives_saving_pickling_and_cloning(model, few, tmp_path):
    path = model.save(tmp_path / "model")
    for again in [homing.load(path), pickle.loads(pickle.dumps(model))]:
        assert again.id_ == model.id_ and again.horizons in [(30, 90), (30, 90, 365)]
        assert again.predict(few, scored_at=NOW).equals(model.predict(few, scored_at=NOW))
    fresh = clone(homing.Model(horizons=(14,), seed=5, columns={"amount": "amount"}))
    assert fresh.get_params() == homing.Model(horizons=(14,), seed=5, columns={"amount": "amount"}).get_params()
    assert "bundle" not in repr(fresh)


def test_a_model_shows_itself(model, tmp_path):
    assert "fitted to" in repr(model) and model.id_.startswith("homing@")
    assert "<table>" in model._repr_html_() and "homing@" in model._repr_html_()
    assert "Model(" in homing.Model(seed=2)._repr_html_()
    assert model.report(tmp_path / "report.html") == str(tmp_path / "report.html")
    assert "<html" in model.report() and model.metrics_["buy_auc"] > 0.5
    assert model.failures_ == []


def test_an_unfitted_model_says_so(purchases):
    for call in ["predict", "explain"]:
        with pytest.raises(homing.NotFittedError, match="call fit first"):
            getattr(homing.Model(), call)(purchases)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"horizons": 0}, "1 to 3650"),
        ({"horizons": (30, 4000)}, "1 to 3650"),
        ({"horizons": (30.5,)}, "whole days"),
        ({"discount_rate": 11}, "0 to 10"),
        ({"name": "../x"}, "model name"),
        ({"timezone": "Mars/Base"}, "Mars/Base"),
        ({"reading": {"sheets": "x"}}, "not an option"),
    ],
)
def test_invalid_arguments_are_named(arguments, words, purchases):
    with pytest.raises(homing.ArgumentError, match=words):
        homing.Model(**arguments).fit(purchases)
    with pytest.raises(homing.ArgumentError, match="not a parameter"):
        homing.Model().set_params(horizon=3)


def test_dates_are_checked(model, purchases):
    for when in ["31/31/1998", 17, "soon"]:
        with pytest.raises(homing.ArgumentError):
            model.predict(purchases, as_of=when)
    with pytest.raises(homing.ArgumentError, match="at least one"):
        model.backtest(purchases, [])
    with pytest.raises(homing.ArgumentError, match="past the last event"):
        homing.Model().backtest(purchases, "1998-06-29", 90)


def test_progress_is_told_and_its_failure_ends_the_fit(purchases):
    def fail(step):
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        homing.Model(horizons=90).fit(purchases, progress=fail)


def test_other_threads_run_while_a_fit_runs(few):
    counted, steps = [], []
    done = threading.Event()

    def count():
        while not done.is_set():
            counted.append(None)
            done.wait(0.005)

    def enough(step):
        steps.append(step)
        if len(counted) > 50:
            raise InterruptedError

    thread = threading.Thread(target=count)
    thread.start()
    with pytest.raises(InterruptedError):
        homing.Model().fit(few, progress=enough)
    done.set()
    thread.join()
    assert steps[0] == "data usability"


def test_ctrl_c_ends_a_fit():
    code = """
import homing, sys, warnings
warnings.simplefilter("ignore")
try:
    homing.Model().fit(homing.datasets.cdnow(), progress=lambda step: print("step", flush=True))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert run.stdout.readline() == "step\n"
    os.kill(run.pid, signal.SIGINT)
    assert run.stdout.read().endswith("interrupted\n")
    assert run.wait() == 0


def test_import_brings_no_data_frames():
    code = "import sys, homing; print([m for m in ('pandas', 'polars', 'pyarrow', 'numpy', 'sklearn', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_the_programs_are_in_the_wheel(program):
    assert program("homing", "--version").split()[1] == homing.__version__
    assert "homing-train" in program("homing-train", "--version")
