"""Uplift, campaigns, identity, baskets and simulation: the same as the programs, and clear about bad input."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

import homing


@pytest.fixture(scope="module")
def shop():
    return homing.simulate(customers=1500, days=700, seed=3)


def test_simulation_is_that_of_the_program(shop, program, tmp_path):
    program("homing", "simulate", "--customers", 1500, "--days", 700, "--seed", 3, "--out", tmp_path / "chain")
    for name in ["events", "members", "truth"]:
        theirs = pd.read_parquet(tmp_path / "chain" / name)
        assert len(theirs) == len(getattr(shop, name)) and theirs.columns.tolist() == getattr(shop, name).columns.tolist()
        assert theirs.iloc[:, 0].tolist() == getattr(shop, name).iloc[:, 0].tolist()
    assert isinstance(homing.simulate(60, days=60, kind="polars").events, pl.DataFrame)
    kept = homing.simulate(60, days=60, out=tmp_path / "kept")
    assert len(pd.read_parquet(tmp_path / "kept" / "events")) == len(kept.events)
    with pytest.raises(homing.ArgumentError, match="60 to 10,000"):
        homing.simulate(10, days=3)
    with pytest.raises(homing.DataError, match="already exists"):
        homing.simulate(60, days=60, out=tmp_path / "kept")


def test_baskets_are_those_of_the_program(shop, program, tmp_path):
    shop.events.to_parquet(tmp_path / "events.parquet")
    limits = ["--by", "category", "--min-support", "0.002", "--min-confidence", "0.05", "--out", tmp_path / "rules.csv"]
    program("homing", "baskets", "--purchases", tmp_path / "events.parquet", *limits)
    theirs = pd.read_csv(tmp_path / "rules.csv")
    ours = homing.baskets(shop.events, by="category", min_support=0.002, min_confidence=0.05)
    assert len(ours) > 0 and ours["antecedents"].tolist() == theirs["antecedents"].tolist()
    assert ours["lift"].to_numpy() == pytest.approx(theirs["lift"].to_numpy())
    assert isinstance(homing.baskets(pl.from_pandas(shop.events), by="category"), pl.DataFrame)
    with pytest.raises(homing.ArgumentError, match="product or category"):
        homing.baskets(shop.events, by="colour")
    with pytest.raises(homing.ArgumentError):
        homing.baskets(shop.events, min_support=2)
    with pytest.raises(homing.DataError, match="product_id"):
        homing.baskets(homing.datasets.cdnow().drop(columns="category"))


def test_people_are_those_of_the_program(shop, program, tmp_path):
    shop.members.to_parquet(tmp_path / "members.parquet")
    document = json.loads(
        program("homing", "identity", "--members", tmp_path / "members.parquet", "--out", tmp_path / "people.csv", "--json")
    )
    theirs = pd.read_csv(tmp_path / "people.csv")
    found = homing.identity(shop.members)
    assert found.people.astype(str).equals(theirs.astype(str))
    assert found.report["people"] == document["report"]["people"] and "people" in repr(found)
    again = homing.identity(shop.members, previous=found.people)
    assert again.people.equals(found.people) and len(again.moves) == 0
    one, other = found.people["record_id"].iloc[0], found.people["record_id"].iloc[-1]
    merged = homing.identity(shop.members, previous=found.people, merge=[(one, other)])
    assert len(merged.moves) >= 1 and merged.report["people"] == found.report["people"] - 1
    split = homing.identity(shop.members, split=found.people["record_id"])
    assert split.report["people"] == len(shop.members)


def test_records_keep_the_type_of_their_ids_and_columns_are_mapped():
    members = pd.DataFrame({"no": [11, 12, 13], "mobile": ["13912345678", "+86 139 1234 5678", None], "email": [None, None, "a@b.cn"]})
    found = homing.identity(members, columns={"record_id": "no", "phone": "mobile"}, hash_key=b"0123456789abcdef")
    assert found.people["record_id"].tolist() == [11, 12, 13] and found.people["person_id"].nunique() == 2
    with pytest.raises(homing.DataError, match="record_id"):
        homing.identity(members)
    with pytest.raises(homing.ArgumentError, match="16 bytes"):
        homing.identity(members, columns={"record_id": "no", "phone": "mobile"}, hash_key=b"short")
    with pytest.raises(homing.ArgumentError, match="frame"):
        homing.identity("members.csv")


@pytest.fixture(scope="module")
def experiment():
    draw = np.random.default_rng(5)
    rows = pd.DataFrame(
        {
            "id": [f"c{nth}" for nth in range(6000)],
            "arm": draw.choice(["control", "mail"], 6000),
            "recency": draw.uniform(0, 365, 6000),
            "city": draw.choice(["Oslo", "Bergen"], 6000),
        }
    )
    p = 0.1 + 0.25 * (rows["arm"] == "mail") * (rows["recency"] < 120)
    return rows.assign(bought=(draw.uniform(size=6000) < p).astype(int))


def test_uplift_is_that_of_the_program(experiment, program, tmp_path):
    found = homing.uplift(experiment, treatment="arm", outcome="bought", seed=0)
    experiment.to_csv(tmp_path / "experiment.csv", index=False)
    asked = ["--experiment", tmp_path / "experiment.csv", "--treatment", "arm", "--outcome", "bought", "--json"]
    theirs = json.loads(program("homing-train", "uplift", *asked))["arms"][0]
    ours = found.figures["arms"][0]
    assert (
        found.claimed
        and ours["claimed"]
        and {name: ours[name] for name in ("n", "effect", "qini", "qini_low", "auuc")}
        == {name: theirs[name] for name in ("n", "effect", "qini", "qini_low", "auuc")}
    )
    scores = found.scores
    assert scores["id"].tolist() == experiment["id"].tolist()
    assert scores["uplift"].where(experiment["recency"] < 100).mean() > scores["uplift"].where(experiment["recency"] > 200).mean() + 0.1
    assert found.arms["arm"].tolist() == ["mail"] and "mail on bought" in repr(found)


def test_experiments_that_cannot_be_judged_are_refused(experiment):
    with pytest.raises(homing.ArgumentError, match="no column `who`"):
        homing.uplift(experiment, treatment="who", outcome="bought")
    with pytest.raises(homing.DataError):
        homing.uplift(experiment.iloc[:50], treatment="arm", outcome="bought")
    with pytest.raises(homing.ArgumentError, match="control"):
        homing.uplift(experiment.assign(arm=experiment["arm"].replace({"control": "x"})), treatment="arm", outcome="bought")
    with pytest.raises(homing.DataError, match="mixed types"):
        homing.uplift(experiment.assign(city=[1, "a"] * 3000), treatment="arm", outcome="bought")


@pytest.fixture(scope="module")
def campaign(purchases):
    """A list of 4,000 customers of whom those contacted buy once more."""
    ids = sorted(purchases["customer_id"].unique())[:4000]
    contacts = pd.DataFrame({"customer_id": ids, "held_out": [nth % 4 == 0 for nth in range(len(ids))]})
    bought = contacts[~contacts["held_out"]]["customer_id"].iloc[::10]
    more = pd.DataFrame({"customer_id": bought, "date": pd.Timestamp("1998-04-10", tz="UTC"), "amount": 20.0})
    return contacts, pd.concat([purchases, more])


def test_a_campaign_is_evaluated(campaign, model, purchases):
    contacts, after = campaign
    found = homing.Campaign(contacts, at="1998-03-31", name="spring").evaluate(after, margin=0.4, cost_per_contact=0.5, share=0.25)
    effect = found.outcomes.set_index("outcome")["effect"]
    assert effect["orders"] == pytest.approx(0.1, abs=0.03) and found.outcomes["p_value"].iloc[0] < 1e-3
    assert found.figures["treated"] == 3000 and found.figures["held_out"] == 1000 and found.figures["sample_ratio_p"] > 0.1
    assert found.figures["incremental_revenue"] == pytest.approx(6000, rel=0.8) and found.figures["return_basis"] == "margin"
    assert "spring: 3000 contacted" in repr(found) and "scores of the time" in found.warnings[0]
    scores = model.predict(purchases, as_of="1998-03-31")[["customer_id", "p_purchase_30d", "expected_spend_30d"]]
    sharper = homing.Campaign(contacts.merge(scores), at="1998-03-31").evaluate(after)
    assert sharper.figures["scores_known"] > 0.99 and not sharper.warnings
    pooled = homing.Campaign.pool([found, sharper])
    assert pooled["campaigns"].iloc[0] == 2 and pooled["effect"].iloc[0] > 0


def test_a_campaign_at_the_time_of_each_contact(campaign):
    contacts, after = campaign
    timed = contacts.assign(at=pd.Timestamp("1998-03-31"))
    of_day = homing.Campaign(contacts, at="1998-03-31").evaluate(after).figures
    assert homing.Campaign(timed).evaluate(after).figures == of_day
    assert homing.Campaign(pl.from_pandas(timed)).evaluate(after).figures == of_day


def test_a_list_with_ids_that_became_floats():
    contacts = pd.DataFrame({"customer_id": [7_000_001.0, 7_000_002.0], "held_out": [True, False]})
    for frame in [contacts, pl.from_pandas(contacts)]:
        assert homing.Campaign(frame, at="1998-03-31")._list["customers"] == ["7000001", "7000002"]
    with pytest.raises(homing.ArgumentError, match=r"7000001\.5"):
        homing.Campaign(contacts.assign(customer_id=[7_000_001.5, 7_000_002.0]), at="1998-03-31")
    missing = pl.DataFrame({"customer_id": [1.0, float("nan")], "held_out": [True, False]})
    with pytest.raises(homing.DataError, match="row 1"):
        homing.Campaign(missing, at="1998-03-31")


def test_lists_that_cannot_be_evaluated_are_refused(campaign):
    contacts, after = campaign
    with pytest.raises(homing.DataError, match="held_out"):
        homing.Campaign(contacts.drop(columns="held_out"), at="1998-03-31")
    with pytest.raises(homing.DataError, match="give at="):
        homing.Campaign(contacts)
    with pytest.raises(homing.DataError, match="row 3"):
        homing.Campaign(contacts.assign(held_out=contacts["held_out"].astype("boolean").mask(contacts.index == 3)), at="1998-03-31")
    with pytest.raises(homing.DataError, match="more than once"):
        homing.Campaign(pd.concat([contacts, contacts.iloc[:2]]), at="1998-03-31")
    with pytest.raises(homing.DataError, match="held out"):
        homing.Campaign(contacts.assign(held_out=False), at="1998-03-31").evaluate(after)
    with pytest.raises(homing.DataError, match="so_far"):
        homing.Campaign(contacts, at="1998-06-15").evaluate(after)
    soon = homing.Campaign(contacts, at="1998-06-15").evaluate(after, so_far=True)
    assert soon.figures["window_days"] == 14 and "not over" in soon.warnings[0]
    with pytest.raises(homing.ArgumentError, match="margin"):
        homing.Campaign(contacts, at="1998-03-31").evaluate(after, margin=35)
    with pytest.raises(homing.DataError, match="at least 30"):
        homing.Campaign(contacts.iloc[:40], at="1998-03-31").evaluate(after)
