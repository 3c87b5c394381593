from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone

import homing


@pytest.fixture(scope="module")
def summary():
    return homing.summary(homing.datasets.cdnow(), "1997-09-30", freq="W")


def test_the_summary_is_that_of_lifetimes(purchases):
    lifetimes = pytest.importorskip("lifetimes")
    dated = purchases.assign(date=purchases["date"].dt.tz_localize(None))
    theirs = lifetimes.utils.summary_data_from_transaction_data(dated, "customer_id", "date", "amount", observation_period_end="1998-06-30")
    ours = homing.summary(purchases, "1998-06-30").set_index("customer_id").sort_index()
    theirs = theirs.sort_index()
    assert (ours.index == theirs.index).all()
    for name in ["frequency", "recency", "T"]:
        assert (ours[name].to_numpy() == theirs[name].to_numpy()).all(), name
    assert np.abs(ours["monetary_value"].to_numpy() - theirs["monetary_value"].to_numpy()).max() < 1e-9


def test_bg_nbd_finds_the_parameters_of_lifetimes(summary):
    lifetimes = pytest.importorskip("lifetimes")
    theirs = lifetimes.BetaGeoFitter().fit(summary["frequency"], summary["recency"], summary["T"])
    ours = homing.BgNbd().fit(summary)
    assert set(ours.params_) == set(theirs.params_.index)
    for name, value in ours.params_.items():
        assert value == pytest.approx(theirs.params_[name], rel=1e-4), name
    arrays = summary["frequency"], summary["recency"], summary["T"]
    near = homing.BgNbd.of(*theirs.params_[["r", "alpha", "a", "b"]])
    assert near.expected_purchases(26, *arrays) == pytest.approx(
        theirs.conditional_expected_number_of_purchases_up_to_time(26, *arrays).to_numpy(), rel=1e-6
    )
    assert near.probability_alive(*arrays) == pytest.approx(theirs.conditional_probability_alive(*arrays), rel=1e-9)


def test_pareto_nbd_finds_the_published_parameters(summary):
    """Fader & Hardie (2005), on the 2,357 customers of the 1/10 sample: r .553, alpha 10.578; all customers are near."""
    ours = homing.ParetoNbd().fit(summary)
    assert ours.status_ == "converged" and ours.params_["r"] == pytest.approx(0.55, abs=0.05)
    assert set(ours.standard_errors_) == {"r", "alpha", "s", "beta"}


def test_gamma_gamma_and_clv_are_those_of_lifetimes(purchases):
    lifetimes = pytest.importorskip("lifetimes")
    days = homing.summary(purchases, "1998-06-30")
    returning = days[(days["frequency"] > 0) & (days["monetary_value"] > 0)]
    theirs = lifetimes.GammaGammaFitter().fit(returning["frequency"], returning["monetary_value"])
    ours = homing.GammaGamma().fit(days)
    for name, value in ours.params_.items():
        assert value == pytest.approx(theirs.params_[name], rel=1e-3), name
    orders = lifetimes.BetaGeoFitter().fit(days["frequency"], days["recency"], days["T"])
    their_clv = theirs.customer_lifetime_value(
        orders, returning["frequency"], returning["recency"], returning["T"], returning["monetary_value"], time=12, freq="D"
    )
    near = homing.BgNbd.of(*orders.params_[["r", "alpha", "a", "b"]])
    spend = homing.GammaGamma.of(*theirs.params_[["p", "q", "v"]])
    our_clv = near.clv(spend, returning["frequency"], returning["recency"], returning["T"], returning["monetary_value"], months=12)
    assert our_clv == pytest.approx(their_clv.to_numpy(), rel=1e-5)


def test_models_answer(summary):
    for kind in [homing.BgNbd, homing.MbgNbd, homing.ParetoNbd]:
        model = kind().fit(summary["frequency"], summary["recency"], summary["T"])
        alive, buys = model.probability_alive(), model.probability_of_purchase(26)
        assert ((buys <= alive + 1e-12) & (buys >= 0) & (alive <= 1)).all()
        expected = model.expected_purchases(26)
        parts = model.expected_purchases(10) + model.expected_purchases(26, since=10)
        assert parts == pytest.approx(expected, rel=1e-9)
        assert (np.diff(model.expected_purchases_new_customer(np.arange(20))) > 0).all()
        past = model.alive_over_time([2, 5], [4.9, 5, 30])
        assert past[1] > past[2]
        again = pickle.loads(pickle.dumps(model))
        assert (again.probability_alive() == alive).all() and repr(again) == repr(model)
        assert "±" in repr(model) and model.customers_ == 23_570 and model.log_likelihood_ < 0
        assert clone(kind(prior_weight=1.0)).prior_weight == 1.0
    assert homing.BgNbd(regularity=2).fit(summary).params_["r"] > 0
    spend = homing.GammaGamma().fit(summary)
    again = pickle.loads(pickle.dumps(spend))
    assert (again.expected_mean_spend() == spend.expected_mean_spend()).all()
    assert model.clv(spend).shape == model.clv(25.0).shape == (23_570,)


def test_bad_values_are_named(summary):
    x, t_x, age = (summary[name].to_numpy(copy=True) for name in ("frequency", "recency", "T"))
    for at, value, words in [(0, np.nan, "frequency is nan in row 3"), (0, 1.5, "whole"), (1, -1, "recency is -1"), (1, 1e9, "after T")]:
        arrays = [x.copy(), t_x.copy(), age.copy()]
        arrays[at][3] = value
        with pytest.raises(homing.DataError, match=words):
            homing.BgNbd().fit(*arrays)
    with pytest.raises(homing.ArgumentError, match="values"):
        homing.BgNbd().fit(x[:-1], t_x, age)
    with pytest.raises(homing.DataError, match="not numbers"):
        homing.BgNbd().fit(["a"], [1], [2])
    with pytest.raises(homing.DataError, match="empty"):
        homing.BgNbd().fit([], [], [])
    with pytest.raises(homing.DataError, match="recency"):
        homing.BgNbd().fit(summary.drop(columns="recency"))
    with pytest.raises(homing.ArgumentError, match="recency and T"):
        homing.BgNbd().fit(x)
    with pytest.raises(homing.NotFittedError):
        homing.BgNbd().expected_purchases(3)
    with pytest.raises(homing.ArgumentError, match="r is -1"):
        homing.BgNbd.of(-1, 1, 1, 1)
    with pytest.raises(homing.ArgumentError, match="give r"):
        homing.BgNbd.of(1, 1, 1)
    with pytest.raises(homing.ArgumentError, match="prior_weight"):
        homing.BgNbd(prior_weight=-1).fit(summary)
