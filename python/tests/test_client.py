"""The clients, against a real `homing serve`."""

from __future__ import annotations

import asyncio
import json
import pickle
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
    scored = [one for one in found if one.get("not_scored") is None]
    assert len(scored) == wanted["p_purchase_45d"].notna().sum() >= 30
    for one in scored:
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
    """Asks to retry the first requests, and notes what came."""

    refused = 2
    came: ClassVar[list] = []

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        Busy.came.append(self.headers["idempotency-key"])
        late = len(Busy.came) > Busy.refused
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


def test_retries_carry_the_same_key(busy):
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


@pytest.fixture
def answering(monkeypatch):
    """Makes clients whose requests a function answers, without a network; `client.came` has the requests."""
    import httpx

    def make(answer, kind=homing.Client, **settings):
        came = []

        def handle(request):
            came.append(request)
            return answer(len(came), request)

        made = kind("http://service", longest_pause=0.0, transport=httpx.MockTransport(handle), **settings)
        made.came = came
        return made

    return make


def event(nth, **more):
    return {"event_id": f"e{nth}", "customer_id": "c", "occurred_at": "1998-06-05", "amount": 3, **more}


def second_fails(nth, _):
    import httpx

    if nth == 1:
        return httpx.Response(200, json={"accepted": 9, "rejected": [{"index": 4, "code": "invalid"}]})
    return httpx.Response(500, json={"code": "internal", "detail": "broken; try later"})


def test_a_chunk_that_fails_leaves_what_became_of_those_before(answering):
    with pytest.raises(homing.ServiceError) as caught:
        answering(second_fails).send_events([event(nth) for nth in range(25)], chunk=10)
    again = pickle.loads(pickle.dumps(caught.value))
    for error in [caught.value, again]:
        assert error.code == "internal" and error.status == 500 and error.document["detail"] == "broken; try later"
        assert error.sent == 10 and error.taken["accepted"] == 9 and error.taken["rejected"][0]["index"] == 4

    async def same():
        async with answering(second_fails, homing.AsyncClient) as client:
            await client.send_events([event(nth) for nth in range(25)], chunk=10)

    with pytest.raises(homing.ServiceError) as caught:
        asyncio.run(same())
    assert caught.value.sent == 10 and caught.value.taken["accepted"] == 9
    with pytest.raises(homing.ArgumentError, match="True") as caught:
        answering(second_fails).send_events([*(event(nth) for nth in range(10)), event(10, customer_id=True)], chunk=10)
    assert caught.value.sent == 10 and caught.value.taken["accepted"] == 9


def test_ids_that_became_floats_stay_ids(answering):
    import httpx

    def answer(_, request):
        return httpx.Response(200, json={"accepted": 1, "profiles": [], "predictions": []})

    client = answering(answer)
    frame = pd.DataFrame({"customer_id": [7_000_001, None], "order_id": [12.0, 13.0], "occurred_at": "1998-06-05", "amount": [1.5, 2.0]})
    assert frame["customer_id"].dtype == "float64"
    client.send_events(frame)
    first, second = map(json.loads, client.came[-1].content.splitlines())
    assert first["customer_id"] == "7000001" and first["order_id"] == "12" and first["amount"] == 1.5
    assert "customer_id" not in second
    client.predict(frame.iloc[:1])
    assert json.loads(client.came[-1].content)["customers"][0]["customer_id"] == "7000001"
    client.predict([{"customer_id": 7_000_001.0, "events": [{"occurred_at": "1998-06-05", "amount": 1}]}])
    assert json.loads(client.came[-1].content)["customers"][0]["customer_id"] == "7000001"
    client.profile(frame["customer_id"].iloc[0])
    assert client.came[-1].url.path == "/v1/profiles/7000001"
    client.profiles(one for one in [7_000_001.0, 2, "003"])
    assert json.loads(client.came[-1].content)["ids"] == ["7000001", "2", "003"]
    client.profiles("c12")
    assert json.loads(client.came[-1].content)["ids"] == ["c12"]
    count = len(client.came)
    for wrong in [True, 1.5, 2.0**53, float("inf"), None, float("nan"), pd.NA, b"c", ["c"]]:
        with pytest.raises(homing.ArgumentError, match="customer_id"):
            client.profile(wrong)
        with pytest.raises(homing.ArgumentError, match="customer_id"):
            client.profiles(["c", wrong])
    with pytest.raises(homing.DataError, match="row 1 of customers has no customer_id"):
        client.predict(frame)
    mixed = pd.DataFrame({"customer_id": [7_000_001, "c"], "occurred_at": "1998-06-05", "amount": 1.0})
    for call in [client.predict, client.send_events]:
        with pytest.raises(homing.DataError, match="mixed types"):
            call(mixed)
    assert len(client.came) == count, "nothing was sent"


def test_names_are_the_same_on_every_page(answering):
    import httpx

    def answer(nth, request):
        if request.url.path == "/v1/changes":
            return httpx.Response(200, json={"changes": [], "next": min(nth, 2)})
        return httpx.Response(200, json={"profiles": [{}], "next": "more" if nth < 3 else None})

    client = answering(answer)
    list(client.customers(fields=(one for one in ["history", "tags"]), expand=iter(["consent"])))
    asked = [(one.url.params["fields"], one.url.params["expand"], one.url.params["limit"]) for one in client.came]
    assert asked == [("history,tags", "consent", "100")] * 3
    client = answering(answer)
    list(client.changes(tags=(one for one in ["churn.level", "value.level"])))
    assert [one.url.params.get_list("tag") for one in client.came] == [["churn.level", "value.level"]] * 3
    client = answering(answer)
    list(client.changes(tags="churn.level"))
    assert client.came[0].url.params.get_list("tag") == ["churn.level"]


def test_headers_of_the_caller_add_to_those_of_the_client(answering):
    import httpx

    client = answering(lambda *_: httpx.Response(200, json={"models": []}), key="k", headers={"X-Shop": "1", "User-Agent": "mine"})
    client.models()
    sent = client.came[0].headers
    assert sent["authorization"] == "Bearer k" and sent["x-shop"] == "1" and sent["user-agent"] == "mine"


def test_only_failures_that_may_pass_are_tried_again(answering):
    import ssl

    import httpx

    def failing(cause):
        def answer(*_):
            raise cause

        return answer

    refused = httpx.ConnectError("certificate verify failed")
    refused.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    cases = [
        (httpx.ReadTimeout("slow"), "unreachable", 3),
        (httpx.ConnectError("refused"), "unreachable", 3),
        (httpx.RemoteProtocolError("closed"), "unreachable", 3),
        (httpx.UnsupportedProtocol("ftp"), "unreachable", 1),
        (refused, "unreachable", 1),
        (httpx.InvalidURL("too long"), "bad_url", 1),
        (httpx.TooManyRedirects("round and round"), "bad_reply", 1),
        (httpx.DecodingError("not gzip"), "bad_reply", 1),
    ]
    for cause, code, attempts in cases:
        client = answering(failing(cause), retries=2)
        with pytest.raises(homing.ServiceError) as caught:
            client.models()
        assert (caught.value.code, len(client.came)) == (code, attempts), cause
        assert caught.value.remedy
    for body in [b"<html>a proxy</html>", b"\xff", b'{"ok": true}', b"[]"]:
        client = answering(lambda *_, body=body: httpx.Response(200, content=body, headers={"x-request-id": "r"}))
        with pytest.raises(homing.ServiceError, match="cannot be read") as caught:
            client.models()
        assert (caught.value.code, caught.value.status, caught.value.request_id) == ("bad_reply", 200, "r")
    client = answering(lambda *_: httpx.Response(502, content=b"[1]"))
    with pytest.raises(homing.ServiceError, match="502"):
        client.models()


def test_a_negative_retry_after_means_now(answering):
    import httpx

    replies = {1: httpx.Response(503, headers={"retry-after": "-5"}), 2: httpx.Response(200, json={"models": []})}
    client = answering(lambda nth, _: replies[nth])
    assert client.models() == [] and len(client.came) == 2


def test_urls_that_are_none_are_refused():
    for wrong in ["service:8080", "http://", "http://host:port", "ftp://host"]:
        with pytest.raises(homing.ArgumentError, match="is not a URL"):
            homing.Client(wrong)
