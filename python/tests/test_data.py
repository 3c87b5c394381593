from __future__ import annotations

import datetime
import warnings
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import homing


def shop(customers: int = 120, **columns):
    """A small shop: customer c buys every 5 + c % 40 days."""
    rows = [
        (customer, pd.Timestamp("2024-01-01") + pd.Timedelta(days=day, hours=12), 10.0 + customer % 7)
        for customer in range(1, customers + 1)
        for day in range(customer % 30, 400, 5 + customer % 40)
    ]
    frame = pd.DataFrame(rows, columns=["customer_id", "date", "amount"])
    return frame.assign(**columns)


@pytest.mark.parametrize(
    ("convert", "dtype"),
    [
        (lambda ids: ids, "int64"),
        (lambda ids: ids.astype("int32"), "int32"),
        (lambda ids: ids.astype("Int64"), "Int64"),
        (lambda ids: ids.astype("float64"), "float64"),
        (lambda ids: ids.astype(str).str.zfill(6), "str"),
        (lambda ids: ids.astype(str).astype("string"), "string"),
        (lambda ids: ("c" + ids.astype(str)).astype("category"), "category"),
        (lambda ids: ids.astype("int64[pyarrow]"), "int64[pyarrow]"),
    ],
)
def test_ids_come_back_as_they_were(convert, dtype):
    frame = shop().assign(customer_id=lambda f: convert(f["customer_id"]))
    found = homing.rfm(frame)
    assert found["customer_id"].dtype == frame["customer_id"].dtype, dtype
    assert set(found["customer_id"]) == set(frame["customer_id"])


def test_huge_ids_keep_every_digit():
    big = 2**62 + 1
    found = homing.rfm(shop().assign(customer_id=lambda f: f["customer_id"] + big))
    assert found["customer_id"].min() == big + 1
    unsigned = shop().assign(customer_id=lambda f: f["customer_id"].astype("uint64") + np.uint64(2**63))
    assert int(homing.rfm(unsigned)["customer_id"].min()) == 2**63 + 1


def test_results_are_the_frames_that_came_in():
    frame = shop()
    assert isinstance(homing.rfm(frame), pd.DataFrame)
    polars = homing.rfm(pl.from_pandas(frame).with_columns(pl.col("customer_id").cast(pl.Int16)))
    assert isinstance(polars, pl.DataFrame) and polars.schema["customer_id"] == pl.Int16
    assert isinstance(homing.rfm(pl.from_pandas(frame).lazy()), pl.DataFrame)
    arrow = pa.Table.from_pandas(frame)
    assert isinstance(homing.rfm(arrow), pa.Table)
    relation = duckdb.sql("select * from frame")
    assert homing.rfm(relation).equals(homing.rfm(arrow))
    assert homing.rfm(frame)["rfm"].tolist() == polars["rfm"].to_list()


def test_columns_are_mapped_and_the_index_counts():
    frame = shop().rename(columns={"customer_id": "who", "date": "at", "amount": "total"})
    columns = {"customer_id": "who", "occurred_at": "at", "amount": "total"}
    assert homing.check(frame, columns=columns).columns == columns
    indexed = frame.set_index("who")
    assert homing.rfm(indexed, columns=columns).equals(homing.rfm(frame, columns=columns))
    doubled = frame.set_index(pd.Index([0] * len(frame)))
    assert homing.rfm(doubled, columns=columns).equals(homing.rfm(frame, columns=columns))


def test_missing_columns_are_named():
    with pytest.raises(homing.DataError, match="amount") as caught:
        homing.rfm(shop().drop(columns="amount"))
    assert caught.value.code == "missing_column" and "columns=" in str(caught.value)
    assert "--" not in str(caught.value), "flags of the command line are none of Python's"
    with pytest.raises(homing.DataError, match="total") as caught:
        homing.rfm(shop(), columns={"amount": "total"})
    assert caught.value.code == "missing_mapped"
    with pytest.raises(homing.ArgumentError):
        homing.rfm(shop(), columns={"amuont": "amount"})


def test_mixed_columns_are_refused_where_they_are_read():
    frame = shop()
    ids = frame["customer_id"].astype(object)
    ids.iloc[3] = "x17"
    with pytest.raises(homing.DataError, match=r"mixed types \(int, str\)") as caught:
        homing.rfm(frame.assign(customer_id=ids))
    assert caught.value.code == "mixed_types" and "astype(str)" in caught.value.remedy
    note = pd.Series([1, "a", None, b"x"] * len(frame), dtype=object).iloc[: len(frame)]
    assert homing.rfm(frame.assign(note=note.to_numpy())).equals(homing.rfm(frame))


def test_rows_without_a_customer_are_left_out_and_told():
    frame = shop().assign(customer_id=lambda f: f["customer_id"].astype("Int64"))
    frame.loc[:4, "customer_id"] = pd.NA
    assert homing.check(frame).read["without_customer"] == 5
    floats = shop().assign(customer_id=lambda f: f["customer_id"].astype("float64"))
    floats.loc[:4, "customer_id"] = np.nan
    assert homing.check(floats).read["without_customer"] == 5


def test_too_many_bad_values_are_refused_and_a_few_are_rejects(tmp_path):
    frame = shop()
    frame.loc[:1, "amount"] = np.inf
    assert homing.check(frame).read["rejected"] == {"not_finite": 2}
    with pytest.raises(homing.DataError, match="max_rejects") as caught:
        homing.rfm(frame.assign(amount=np.inf), rejects=tmp_path / "rejects.csv")
    assert caught.value.code == "too_many_rejects"
    assert "not_finite" in (tmp_path / "rejects.csv").read_text()


@pytest.mark.parametrize("frame", [shop().iloc[:0], pl.from_pandas(shop()).clear(), pa.Table.from_pandas(shop()).slice(0, 0)])
def test_a_frame_of_no_rows_is_refused(frame):
    with pytest.raises(homing.DataError, match="no rows") as caught:
        homing.Model().fit(frame)
    assert caught.value.code == "no_lines"


def test_what_is_no_frame_is_refused():
    for data in [None, 17, [1, 2], object()]:
        with pytest.raises(homing.ArgumentError, match="pandas"):
            homing.rfm(data)
    with pytest.raises(homing.DataError, match=r"nothing\.csv"):
        homing.rfm("nothing.csv")
    with pytest.raises(homing.DataError, match="customer_id"):
        homing.rfm(pd.DataFrame())


def test_too_little_data_say_what_would_suffice():
    with pytest.raises(homing.DataError) as caught:
        homing.Model().fit(shop(10))
    assert caught.value.code == "refused" and "50" in str(caught.value)
    assert not homing.check(shop(10)).usable and homing.check(shop(10)).lacks


def test_time_zones():
    late = pd.DataFrame(
        {
            "customer_id": [1, 1],
            "date": pd.to_datetime(["2024-03-01T20:00Z", "2024-03-02T02:00Z"]),
            "amount": [1.0, 2.0],
        }
    )
    orders = lambda **more: homing.summary(late, **more)["frequency"].tolist()  # noqa: E731
    assert orders() == [1.0] and orders(timezone="Asia/Shanghai") == [0.0]
    local = late.assign(date=late["date"].dt.tz_convert("Asia/Shanghai"))
    assert homing.summary(local, timezone="Asia/Shanghai")["frequency"].tolist() == [0.0]
    naive = late.assign(date=late["date"].dt.tz_localize(None))
    assert homing.summary(naive, timezone="Asia/Shanghai")["frequency"].tolist() == [1.0]


def test_dates_and_decimals_and_nullable_types():
    plain = homing.rfm(shop(), "2025-03-01")
    for convert in [
        lambda f: f.assign(date=f["date"].dt.date),
        lambda f: f.assign(date=f["date"].dt.strftime("%Y-%m-%d")),
        lambda f: f.assign(amount=[Decimal(str(a)) for a in f["amount"]]),
        lambda f: f.convert_dtypes(),
        lambda f: f.assign(date=f["date"].astype("datetime64[s]")),
    ]:
        assert homing.rfm(convert(shop()), "2025-03-01").astype(plain.dtypes).equals(plain)
    for when in [datetime.date(2025, 3, 1), pd.Timestamp("2025-03-01"), np.datetime64("2025-03-01")]:
        assert homing.rfm(shop(), when).equals(plain)


def test_warnings_are_pythons():
    old = {"now": "2025-04-10"}
    with pytest.warns(homing.DataWarning, match="last purchase") as caught:
        homing.rfm(shop(), **old)
    assert {one.message.code for one in caught} == {"old_data"}
    assert {one.filename for one in caught} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(homing.DataWarning):
            homing.rfm(shop(), **old)
        homing.rfm(shop(), now="2025-02-06")
    assert any("last purchase" in one for one in homing.check(shop(), **old).warnings)


def test_features_and_labels(purchases):
    rows = homing.features(purchases, ["1997-12-31", "1998-03-31"], labels=[30, 90])
    names = [one["name"] for one in homing.feature_list()]
    assert rows.columns.tolist()[: 2 + len(names)] == ["customer_id", "as_of", *names]
    assert rows.columns.tolist()[2 + len(names) :] == [
        f"{what}_next_{days}d" for days in (30, 90) for what in ("bought", "orders", "spend")
    ]
    assert {"days", "count", "money", "ratio"} <= {one["unit"] for one in homing.feature_list()}
    with pytest.raises(homing.ArgumentError, match="labels 90"):
        homing.features(purchases, "1998-06-01", labels=90)


def test_rfm_of_equal_customers_is_equal():
    frame = pd.DataFrame({"customer_id": list("aabbc"), "date": ["2024-01-01", "2024-02-01"] * 2 + ["2024-02-01"], "amount": [5.0] * 5})
    found = homing.rfm(frame).set_index("customer_id")
    assert found.loc["a", "rfm"] == found.loc["b", "rfm"]
    assert found["frequency"].tolist() == [2, 2, 1] and found["recency_days"].tolist() == [0, 0, 0]
    assert found["monetary"].tolist() == [10.0, 10.0, 5.0]


def test_errors_can_be_pickled():
    import pickle

    error = pickle.loads(pickle.dumps(homing.DataError("a; b", "code", "b")))
    assert (str(error), error.code, error.remedy) == ("a; b", "code", "b")


def test_fits_are_shared_by_content(few, tmp_path):
    from conftest import _hash

    table = pa.Table.from_pandas(few, preserve_index=False)
    swapped = pa.Table.from_pandas(few.assign(amount=few["amount"].to_numpy()[::-1]), preserve_index=False)
    assert _hash(table, {}) == _hash(table.slice(0), {}) != _hash(swapped, {})
    assert _hash(table, {}) != _hash(table, {"decimal": ","})
    (tmp_path / "a.csv").write_text("one")
    assert _hash([str(tmp_path / "a.csv")], {}) and _hash([str(tmp_path)], {}) is None
