"""Clients of `homing serve`, for threads and for asyncio."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from homing import _service as service
from homing._data import When, names
from homing._errors import ArgumentError, Error
from homing._frames import Data
from homing._service import Call, Change, Listing, Patience, ServiceError, Taken

try:
    import httpx
except ImportError as error:
    raise ArgumentError(
        "the package httpx is not installed; pip install homing[client]", "not_installed", "pip install homing[client]"
    ) from error

T = TypeVar("T")


class _Settings:
    """What both clients are made of."""

    def __init__(self, url: str, key: str | None, timeout: float, retries: int, longest_pause: float, http: dict[str, Any]) -> None:
        try:
            valid = url.startswith(("http://", "https://")) and bool(httpx.URL(url).host)
        except httpx.InvalidURL:
            valid = False
        if not valid:
            remedy = "write it as http://HOST:PORT"
            raise ArgumentError(f"`{url}` is not a URL; {remedy}", "bad_url", remedy)
        self.url = url.rstrip("/")
        self.patience = Patience(retries, longest_pause)
        headers = httpx.Headers({"user-agent": "homing-python"})
        if key:
            headers["authorization"] = f"Bearer {key}"
        headers.update(http.get("headers"))
        self.http = {"base_url": self.url, "timeout": timeout, **http, "headers": headers}

    def read(self, call: Call[T], response: httpx.Response) -> T:
        """What a response says, where it is one of success."""
        try:
            return call.read(response.json() if response.content else None)
        except (ValueError, LookupError, TypeError, AttributeError) as cause:
            raise service.bad_reply(self.url, cause, response) from cause

    def pause_after(self, cause: httpx.RequestError, attempt: int) -> float:
        """Seconds until the next attempt after a request failed; raises where another attempt would not help."""
        if isinstance(cause, (httpx.DecodingError, httpx.TooManyRedirects)):
            raise service.bad_reply(self.url, cause) from cause
        if _refused_certificate(cause):
            raise service.untrusted(self.url, cause) from cause
        pause = self.patience.after_failure(attempt) if isinstance(cause, _TRANSIENT) else None
        if pause is None:
            raise service.unreachable(self.url, cause) from cause
        return pause


_TRANSIENT = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)


def _refused_certificate(cause: BaseException | None) -> bool:
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _frame(rows: list[dict[str, Any]], kind: str) -> Any:
    """Rows as a frame, members of objects as columns such as `prediction.churn_risk`."""
    flat = [dict(_flat(row, "")) for row in rows]
    if kind == "pandas":
        import pandas

        return pandas.DataFrame(flat)
    if kind == "polars":
        import polars

        return polars.DataFrame(flat, infer_schema_length=None)
    if kind == "arrow":
        import pyarrow

        names = list(dict.fromkeys(name for row in flat for name in row))
        return pyarrow.table({name: pyarrow.array([row.get(name) for row in flat]) for name in names})
    raise ArgumentError(f"kind {kind!r}; write pandas, polars or arrow", "kind", "write pandas, polars or arrow")


def _flat(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, one in value.items():
        if isinstance(one, dict) and one:
            # What a caller asked for by name keeps that name.
            yield from _flat(one, "" if not prefix and name == "selected" else f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", one


class Client:
    """Client of `homing serve`. Needs `pip install homing[client]`.

    Parameters
    ----------
    url
        The address of the service, such as `http://127.0.0.1:8080`.
    key
        An API key (`homing keys create`), where the service asks for one.
    timeout
        Seconds for a reply.
    retries
        How often a request is sent again that the service asked to retry (429, 503 and 409 with `Retry-After`) or that failed on the
        network. Requests that change something carry an idempotency key, so that they are carried out once.
    longest_pause
        Most seconds that `Retry-After` may ask for; beyond them the error is raised.
    http
        More arguments for `httpx.Client`, such as `verify`, `http2` or `headers`, which add to those of this client.

    Examples
    --------
    >>> import homing
    >>> client = homing.Client("http://127.0.0.1:9", retries=0)
    >>> try:
    ...     client.profile("c1")
    ... except homing.ServiceError as error:
    ...     print(error.code)
    unreachable
    """

    def __init__(
        self, url: str, *, key: str | None = None, timeout: float = 30.0, retries: int = 4, longest_pause: float = 30.0, **http: Any
    ) -> None:
        """Makes a client; nothing is sent yet."""
        self._settings = _Settings(url, key, timeout, retries, longest_pause, http)
        self._http = httpx.Client(**self._settings.http)

    def __enter__(self) -> Client:
        """Closes the client at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the client."""
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def _send(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            try:
                response = self._http.request(call.method, call.path, params=call.query, content=call.body, headers=call.headers())
            except httpx.InvalidURL as cause:
                raise service.bad_url(self._settings.url, cause) from cause
            except httpx.RequestError as cause:
                pause = self._settings.pause_after(cause, attempt)
            else:
                if response.is_success:
                    return self._settings.read(call, response)
                wait = self._settings.patience.after(response, attempt)
                if wait is None:
                    raise service.failure(response)
                pause = wait
            attempt += 1
            time.sleep(pause)

    def predict(
        self,
        customers: Data,
        *,
        as_of: When = None,
        horizons: Sequence[int] | None = None,
        discount_rate: float | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """Scores histories, which the service does not keep: `[{"customer_id": ..., "events": [...]}]`, or a frame of events.

        A frame has the columns of an event (`customer_id`, `occurred_at`, `amount`, ...); `columns` maps others to them, such as
        `{"occurred_at": "date"}`.
        """
        calls = service.prediction_calls(customers, as_of, horizons, discount_rate, columns)
        return [one for call in calls for one in self._send(call)]

    def profile(
        self, customer_id: object, *, fields: Iterable[str] = (), expand: Iterable[str] = (), tag_values: bool = False
    ) -> dict[str, Any]:
        """A customer's profile; only some `fields` of it, with `expand` (consent, next, next_action) more."""
        return self._send(service.profile(customer_id, fields, expand, tag_values))

    def profiles(
        self, ids: Iterable[object], *, fields: Iterable[str] = (), expand: Iterable[str] = (), tag_values: bool = False
    ) -> list[dict[str, Any]]:
        """The profiles of these customers; those that are unknown are left out."""
        calls = service.lookup(ids, fields, expand, tag_values)
        return [one for call in calls for one in self._send(call)["profiles"]]

    def customers(
        self,
        *,
        tags: Mapping[str, Any] | None = None,
        attributes: Mapping[str, Any] | None = None,
        fields: Iterable[str] = (),
        expand: Iterable[str] = (),
        tag_values: bool = False,
        snapshot: bool = False,
        limit: int | None = None,
        page: int | None = None,
        **filters: Any,
    ) -> Iterator[dict[str, Any]]:
        """The profiles of all customers who match, page by page.

        `tags` such as `{"churn.level": ["high", "medium"]}`. `filters`: sort, order, min_churn_risk, max_churn_risk, min_value_at_risk,
        max_value_at_risk, id_prefix, updated_since. `limit` is the most customers, `page` those of a request.
        """
        listing = Listing(tags, attributes, fields, expand, tag_values, snapshot, limit, page, filters)
        cursor: str | None = None
        count = 0
        while True:
            found = self._send(listing.call(cursor))
            for one in found["profiles"]:
                if limit is not None and count >= limit:
                    return
                count += 1
                yield one
            cursor = found.get("next")
            if not cursor or (limit is not None and count >= limit):
                return

    def customers_frame(self, kind: str = "pandas", **listing: Any) -> Any:
        """`customers(...)` as a frame (pandas, polars or arrow); members are columns such as `prediction.churn_risk`."""
        return _frame(list(self.customers(**listing)), kind)

    def explanation(self, customer_id: object) -> dict[str, Any]:
        """Why a customer has their scores."""
        return self._send(Call("GET", service.profile_path(customer_id, "/explanation"), lambda reply: dict(reply)))

    def send_events(
        self, events: Data, *, columns: Mapping[str, str] | None = None, chunk: int = service.MOST, idempotency_key: str | None = None
    ) -> Taken:
        """Sends events: a dictionary, dictionaries, or a frame with the columns of an event (`columns` maps others to them).

        They go in chunks, each as NDJSON. Look at `rejected`: events that are invalid are told there, by their index among all, and
        the others are taken. With your `idempotency_key`, the same call again is answered as the first time.

        When a chunk fails, the exception's `taken` says what became of the chunks before it, and `sent` how many events they held. The
        service may have taken the failed chunk too. Repeat the call with the same `idempotency_key`, or send the events from `sent` on
        with another; with an `event_id` in each event, repeated ones count as duplicates.
        """
        taken, sent = service.nothing_taken(), 0
        try:
            for call, count in service.event_calls(events, columns, chunk, idempotency_key):
                try:
                    found = self._send(call)
                except ServiceError as error:
                    refused = service.refused_events(error)
                    if refused is None:
                        raise
                    found = refused
                service.add_taken(taken, sent, found)
                sent += count
        except Error as error:
            service.keep_taken(error, taken, sent)
            raise
        return taken

    def changes(self, cursor: int | None = None, *, tags: Iterable[str] = (), page: int = service.MOST) -> Iterator[Change]:
        """The changed tags after a cursor, up to now; each change has its `cursor` to go on from."""
        wanted = names(tags)
        while True:
            found = self._send(service.changes(cursor, wanted, False, page))
            yield from found["changes"]
            if found["next"] == cursor:
                return
            cursor = found["next"]

    def cursor(self) -> int:
        """The end of the feed of changes: what comes from now on is after it."""
        return int(self._send(service.changes(None, (), True, 1))["next"])

    def consents(self, customer_id: object) -> list[dict[str, Any]]:
        """What the customer said of each purpose."""
        return list(self._send(Call("GET", service.profile_path(customer_id, "/consent"), lambda reply: list(reply["consents"]))))

    def set_consent(self, customer_id: object, *, opted_out: bool, purpose: str | None = None, source: str | None = None) -> dict[str, Any]:
        """Records an opt-out or takes it back: of automated decisions, or of `purpose` (`contact`, `contact:sms`)."""
        return self._send(service.consent(customer_id, opted_out, purpose, source))

    def erase(self, customer_id: object) -> None:
        """Erases a customer; later events of the id are refused."""
        self._send(service.changing("DELETE", service.profile_path(customer_id), lambda _: None))

    def campaign_size(
        self, *, cost: float, margin: float, window_days: int = 30, effect: float | None = None, tags: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """How many customers are worth contacting; see docs/campaigns.md."""
        return self._send(service.campaign_size(cost, margin, window_days, effect, tags))

    def models(self) -> list[dict[str, Any]]:
        """The models of the registry; `in_use` is true for the one that answers."""
        return self._send(Call("GET", "/v1/models", lambda reply: list(reply["models"])))

    def promote(self, version: str) -> dict[str, Any]:
        """Makes a version the champion."""
        return self._send(service.promotion(version))

    def rollback(self) -> dict[str, Any]:
        """Makes the previous champion the champion again."""
        return self._send(service.changing("POST", "/v1/models/rollback", lambda reply: dict(reply)))


class AsyncClient:
    """Client of `homing serve` for asyncio: `homing.Client`, whose methods are awaited. Needs `pip install homing[client]`.

    Examples
    --------
    >>> import asyncio, homing
    >>> async def known(url):
    ...     async with homing.AsyncClient(url, retries=0) as client:
    ...         return [one["customer_id"] async for one in client.customers()]
    >>> try:
    ...     asyncio.run(known("http://127.0.0.1:9"))
    ... except homing.ServiceError as error:
    ...     print(error.code)
    unreachable
    """

    def __init__(
        self, url: str, *, key: str | None = None, timeout: float = 30.0, retries: int = 4, longest_pause: float = 30.0, **http: Any
    ) -> None:
        """Makes a client; nothing is sent yet."""
        self._settings = _Settings(url, key, timeout, retries, longest_pause, http)
        self._http = httpx.AsyncClient(**self._settings.http)

    async def __aenter__(self) -> AsyncClient:
        """Closes the client at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the client."""
        await self.close()

    async def close(self) -> None:
        """Closes its connections."""
        await self._http.aclose()

    async def _send(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            try:
                response = await self._http.request(call.method, call.path, params=call.query, content=call.body, headers=call.headers())
            except httpx.InvalidURL as cause:
                raise service.bad_url(self._settings.url, cause) from cause
            except httpx.RequestError as cause:
                pause = self._settings.pause_after(cause, attempt)
            else:
                if response.is_success:
                    return self._settings.read(call, response)
                wait = self._settings.patience.after(response, attempt)
                if wait is None:
                    raise service.failure(response)
                pause = wait
            attempt += 1
            await asyncio.sleep(pause)

    async def predict(
        self,
        customers: Data,
        *,
        as_of: When = None,
        horizons: Sequence[int] | None = None,
        discount_rate: float | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """Scores histories, which the service does not keep: `[{"customer_id": ..., "events": [...]}]`, or a frame of events.

        A frame has the columns of an event (`customer_id`, `occurred_at`, `amount`, ...); `columns` maps others to them, such as
        `{"occurred_at": "date"}`.
        """
        calls = service.prediction_calls(customers, as_of, horizons, discount_rate, columns)
        return [one for call in calls for one in await self._send(call)]

    async def profile(
        self, customer_id: object, *, fields: Iterable[str] = (), expand: Iterable[str] = (), tag_values: bool = False
    ) -> dict[str, Any]:
        """A customer's profile; only some `fields` of it, with `expand` (consent, next, next_action) more."""
        return await self._send(service.profile(customer_id, fields, expand, tag_values))

    async def profiles(
        self, ids: Iterable[object], *, fields: Iterable[str] = (), expand: Iterable[str] = (), tag_values: bool = False
    ) -> list[dict[str, Any]]:
        """The profiles of these customers; those that are unknown are left out."""
        calls = service.lookup(ids, fields, expand, tag_values)
        return [one for call in calls for one in (await self._send(call))["profiles"]]

    async def customers(
        self,
        *,
        tags: Mapping[str, Any] | None = None,
        attributes: Mapping[str, Any] | None = None,
        fields: Iterable[str] = (),
        expand: Iterable[str] = (),
        tag_values: bool = False,
        snapshot: bool = False,
        limit: int | None = None,
        page: int | None = None,
        **filters: Any,
    ) -> AsyncIterator[dict[str, Any]]:
        """The profiles of all customers who match, page by page.

        `tags` such as `{"churn.level": ["high", "medium"]}`. `filters`: sort, order, min_churn_risk, max_churn_risk, min_value_at_risk,
        max_value_at_risk, id_prefix, updated_since. `limit` is the most customers, `page` those of a request.
        """
        listing = Listing(tags, attributes, fields, expand, tag_values, snapshot, limit, page, filters)
        cursor: str | None = None
        count = 0
        while True:
            found = await self._send(listing.call(cursor))
            for one in found["profiles"]:
                if limit is not None and count >= limit:
                    return
                count += 1
                yield one
            cursor = found.get("next")
            if not cursor or (limit is not None and count >= limit):
                return

    async def customers_frame(self, kind: str = "pandas", **listing: Any) -> Any:
        """`customers(...)` as a frame (pandas, polars or arrow); members are columns such as `prediction.churn_risk`."""
        return _frame([one async for one in self.customers(**listing)], kind)

    async def explanation(self, customer_id: object) -> dict[str, Any]:
        """Why a customer has their scores."""
        return await self._send(Call("GET", service.profile_path(customer_id, "/explanation"), lambda reply: dict(reply)))

    async def send_events(
        self, events: Data, *, columns: Mapping[str, str] | None = None, chunk: int = service.MOST, idempotency_key: str | None = None
    ) -> Taken:
        """Sends events: a dictionary, dictionaries, or a frame with the columns of an event (`columns` maps others to them).

        They go in chunks, each as NDJSON. Look at `rejected`: events that are invalid are told there, by their index among all, and
        the others are taken. With your `idempotency_key`, the same call again is answered as the first time.

        When a chunk fails, the exception's `taken` says what became of the chunks before it, and `sent` how many events they held. The
        service may have taken the failed chunk too. Repeat the call with the same `idempotency_key`, or send the events from `sent` on
        with another; with an `event_id` in each event, repeated ones count as duplicates.
        """
        taken, sent = service.nothing_taken(), 0
        try:
            for call, count in service.event_calls(events, columns, chunk, idempotency_key):
                try:
                    found = await self._send(call)
                except ServiceError as error:
                    refused = service.refused_events(error)
                    if refused is None:
                        raise
                    found = refused
                service.add_taken(taken, sent, found)
                sent += count
        except Error as error:
            service.keep_taken(error, taken, sent)
            raise
        return taken

    async def changes(self, cursor: int | None = None, *, tags: Iterable[str] = (), page: int = service.MOST) -> AsyncIterator[Change]:
        """The changed tags after a cursor, up to now; each change has its `cursor` to go on from."""
        wanted = names(tags)
        while True:
            found = await self._send(service.changes(cursor, wanted, False, page))
            for one in found["changes"]:
                yield one
            if found["next"] == cursor:
                return
            cursor = found["next"]

    async def cursor(self) -> int:
        """The end of the feed of changes: what comes from now on is after it."""
        return int((await self._send(service.changes(None, (), True, 1)))["next"])

    async def consents(self, customer_id: object) -> list[dict[str, Any]]:
        """What the customer said of each purpose."""
        return list(await self._send(Call("GET", service.profile_path(customer_id, "/consent"), lambda reply: list(reply["consents"]))))

    async def set_consent(
        self, customer_id: object, *, opted_out: bool, purpose: str | None = None, source: str | None = None
    ) -> dict[str, Any]:
        """Records an opt-out or takes it back: of automated decisions, or of `purpose` (`contact`, `contact:sms`)."""
        return await self._send(service.consent(customer_id, opted_out, purpose, source))

    async def erase(self, customer_id: object) -> None:
        """Erases a customer; later events of the id are refused."""
        await self._send(service.changing("DELETE", service.profile_path(customer_id), lambda _: None))

    async def campaign_size(
        self, *, cost: float, margin: float, window_days: int = 30, effect: float | None = None, tags: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """How many customers are worth contacting; see docs/campaigns.md."""
        return await self._send(service.campaign_size(cost, margin, window_days, effect, tags))

    async def models(self) -> list[dict[str, Any]]:
        """The models of the registry; `in_use` is true for the one that answers."""
        return await self._send(Call("GET", "/v1/models", lambda reply: list(reply["models"])))

    async def promote(self, version: str) -> dict[str, Any]:
        """Makes a version the champion."""
        return await self._send(service.promotion(version))

    async def rollback(self) -> dict[str, Any]:
        """Makes the previous champion the champion again."""
        return await self._send(service.changing("POST", "/v1/models/rollback", lambda reply: dict(reply)))
