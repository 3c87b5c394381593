"""The clients, against a real `homing serve`."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pandas as pd
import polars as pl
import pytest

import homing

pytest.importorskip("httpx")


@pytest.fixture(scope="module")
def service(tmp_path_factory, model, few, program):
    """A service with the customers of `few` in its store, which asks for a key; yields its address and a key."""
    folder = tmp_path_factory.mktemp("service")
    model.save(folder / "model")
    few.to_csv(folder / "purchases.csv", index=False)
    store = f"sqlite:{folder}/profiles.db"
    program("homing", "score", "--purchases", folder / "purchases.csv", "--model", folder / "model", "--profiles", store, cwd=folder)
    made = program("homing", "keys", "create", "--role", "admin", "--name", "tests", "--profiles", store, cwd=folder)
    key = re.search(r"homing_[0-9a-f]+", made).group()
    serve = [Path(sys.executable).parent / "homing", "serve", "--model", folder / "model", "--profiles", store, "--listen", "127.0.0.1:0"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([*map(str, serve)], stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder)
        try:
            line = server.stdout.readline()
            assert line.startswith("listening on "), (folder / "log").read_text()
            yield line.split()[-1], key
        finally:
            server.terminate()
            server.wait()


@pytest.fixture
def client(service):
    with homing.Client(service[0], key=service[1]) as client:
        yield client


def test_profiles_with_parts_and_lists(client, few):
    known = few["customer_id"].iloc[0]
    whole = client.profile(known, expand=["consent", "next"])
    assert whole["customer_id"] == known and {"prediction", "tags", "consent", "next"} <= set(whole)
    part = client.profile(known, fields=["prediction.clv", "tags.churn.level"])
    assert set(part["selected"]) == {"prediction.clv", "tags.churn.level"}
    assert [one["customer_id"] for one in client.profiles([known, "nobody"])] == [known]
    assert client.explanation(known)["customer_id"] == known
    listed = [one["customer_id"] for one in client.customers(sort="customer_id", fields=["history"], page=500)]
    assert listed == sorted(set(few["customer_id"]))
    assert len(list(client.customers(limit=7, sort="clv", snapshot=True))) == 7
    high = list(client.customers(tags={"churn.level": ["high", "medium"]}, tag_values=True, limit=50))
    assert {one["tag_values"]["churn.level"] for one in high} <= {"high", "medium"} and high
    frame = client.customers_frame(fields=["prediction.clv"], limit=20, sort="clv")
    assert frame.columns.tolist() == ["customer_id", "prediction.clv"] and frame["prediction.clv"].is_monotonic_decreasing
    assert isinstance(client.customers_frame("polars", limit=3), pl.DataFrame)


def test_events_from_dictionaries_and_frames_in_chunks(client):
    begin = client.cursor()
    frame = pd.DataFrame(
        {
            "event_id": [f"frame-{nth}" for nth in range(25)],
            "customer": [7_000_001 + nth % 3 for nth in range(25)],
            "date": pd.Timestamp("1998-06-01") + pd.to_timedelta(range(25), "D"),
            "amount": [10.0] * 24 + [None],
            "channel": ["web"] * 24 + [None],
        }
    )
    columns = {"customer_id": "customer", "occurred_at": "date"}
    taken = client.send_events(frame, columns=columns, chunk=10)
    assert taken["accepted"] == 24 and [one["index"] for one in taken["rejected"]] == [24]
    assert {one["customer_id"] for one in taken["changed"]} == {"7000001", "7000002", "7000003"}
    assert client.send_events(pl.from_pandas(frame), columns=columns, chunk=10)["duplicates"] == 24
    assert client.profile(7_000_001)["history"]["orders"] > 5
    one = {"event_id": "one", "customer_id": "7000009", "occurred_at": "1998-06-05", "amount": 3}
    assert client.send_events(one, idempotency_key="once")["accepted"] == 1
    assert client.send_events(one, idempotency_key="once")["accepted"] == 1, "answered as the first time"
    assert client.send_events(one)["duplicates"] == 1
    refused = client.send_events([{"event_id": "bad", "customer_id": "x", "occurred_at": "soon", "amount": 1}])
    assert refused["accepted"] == 0 and refused["rejected"][0]["field"] == "occurred_at"
    assert client.send_events([])["accepted"] == 0
    changes = list(client.changes(begin, page=5))
    assert {"7000001", "7000009"} <= {one["customer_id"] for one in changes}
    assert list(client.changes(changes[-1]["cursor"])) == []
    assert {name for one in client.changes(begin, tags=["churn.level"]) for name in one["tags"]} <= {"churn.level"}


def test_predictions_are_those_of_the_model(client, few, model):
    ids = few["customer_id"].unique()[:40]
    rows = few[few["customer_id"].isin(ids)]
    wanted = model.predict(rows, as_of="1998-03-31", horizons=[45]).set_index("customer_id")
    found = client.predict(rows, as_of="1998-03-31", horizons=[45], columns={"occurred_at": "date"})
    assert len(found) == len(ids)
    for one in found:
        if one.get("not_scored") is None:
            assert one["p_purchase_45d"] == wanted.loc[one["customer_id"], "p_purchase_45d"]
    events = [{"occurred_at": "1998-01-05", "amount": 12.5}]
    assert client.predict([{"customer_id": "new", "events": events}], as_of="1998-03-31")[0]["customer_id"] == "new"
    with pytest.raises(homing.ArgumentError, match="customer_id"):
        client.predict([{"events": events}])


def test_consent_erasure_size_and_models(client, few):
    who = few["customer_id"].iloc[-1]
    assert client.set_consent(who, opted_out=True, purpose="contact:sms", source="shop")["opted_out"]
    assert client.consents(who)[0]["purpose"] == "contact:sms"
    client.erase(who)
    with pytest.raises(homing.ServiceError, match="no profile") as caught:
        client.profile(who)
    assert caught.value.code == "unknown_customer" and caught.value.status == 404 and caught.value.request_id
    sized = client.campaign_size(cost=0.5, margin=0.4, effect=0.05, tags={"churn.level": "high"})
    assert sized["basis"]["kind"] == "assumption" and sized["curve"]
    assert [one["in_use"] for one in client.models()] == [True]
    with pytest.raises(homing.ServiceError) as caught:
        client.rollback()
    assert caught.value.code == "model_pinned"


def test_errors_say_what_to_do(service):
    with homing.Client(service[0], retries=0) as client, pytest.raises(homing.ServiceError) as caught:
        client.models()
    assert caught.value.code == "unauthorized"
    with homing.Client(service[0], key=service[1]) as client, pytest.raises(homing.ServiceError) as caught:
        list(client.customers(sort="worth"))
    assert caught.value.code == "bad_parameter" and "value_at_risk" in caught.value.remedy
    with pytest.raises(homing.ArgumentError, match="http"):
        homing.Client("127.0.0.1:8080")
    for files in ["events.csv", ["a.csv"]]:
        with homing.Client(service[0]) as client, pytest.raises(homing.ArgumentError, match="frame"):
            client.send_events(files)


def test_the_same_for_asyncio(service, few):
    async def all_of_it():
        async with homing.AsyncClient(service[0], key=service[1]) as client:
            ids = few["customer_id"].unique()[:20]
            found = await asyncio.gather(*(client.profile(one) for one in ids))
            assert [one["customer_id"] for one in found] == list(ids)
            assert [one["customer_id"] for one in await client.profiles(ids)] == list(ids)
            assert len([one async for one in client.customers(limit=30, page=11)]) == 30
            begin = await client.cursor()
            event = {"event_id": "async", "customer_id": "7000010", "occurred_at": "1998-06-05", "amount": 3}
            assert (await client.send_events([event]))["accepted"] == 1
            assert {one["customer_id"] async for one in client.changes(begin)} == {"7000010"}
            assert len(await client.customers_frame(limit=2)) == 2
            with pytest.raises(homing.ServiceError, match="no profile"):
                await client.profile("nobody")

    asyncio.run(all_of_it())


class Busy(BaseHTTPRequestHandler):
    """Puts off the first requests, and notes what came."""

    put_off = 2
    came: ClassVar[list] = []

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        Busy.came.append(self.headers["idempotency-key"])
        late = len(Busy.came) > Busy.put_off
        body = b'{"accepted": 1}' if late else b'{"code": "overloaded", "detail": "too many requests; try again"}'
        self.send_response(200 if late else [429, 503][len(Busy.came) % 2])
        if not late:
            self.send_header("retry-after", "0")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def busy():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Busy.came = []
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_requests_that_were_put_off_are_sent_again_with_the_same_key(busy):
    event = {"event_id": "e", "customer_id": "c", "occurred_at": "1998-06-05", "amount": 3}
    with homing.Client(busy) as client:
        assert client.send_events(event)["accepted"] == 1
    assert len(Busy.came) == 3 and len(set(Busy.came)) == 1 and Busy.came[0]
    Busy.came = []
    with homing.Client(busy, retries=1) as client, pytest.raises(homing.ServiceError) as caught:
        client.send_events(event)
    assert caught.value.code == "overloaded" and caught.value.remedy == "try again"


def test_a_service_that_is_not_there_is_named():
    began = time.monotonic()
    with homing.Client("http://127.0.0.1:9", retries=1) as client, pytest.raises(homing.ServiceError, match="homing serve") as caught:
        client.models()
    assert caught.value.code == "unreachable" and time.monotonic() - began < 10
