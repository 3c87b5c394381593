"""What clients of the service share: requests, replies, errors, pauses. No input or output happens here."""

from __future__ import annotations

import datetime
import decimal
import json
import random
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar
from urllib.parse import quote

from homing._data import When, id_text, instant, known_id, names
from homing._errors import ArgumentError, DataError, Error
from homing._frames import Data, missing, paths_of, unmixed_stream

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

Query = list[tuple[str, str | int | float | bool | None]]

MOST = 1000
"""Most events or customers of a request."""


class ServiceError(Error):
    """The service refused a request, failed, or cannot be reached.

    `code` is that of the service's catalogue, such as `unknown_customer`, or one of the client: `unreachable`, `bad_reply` (it cannot be
    read), `bad_url`. `remedy` says what to do. `status` is that of HTTP (0 where there was no reply), `document` the whole problem
    document, with members such as `rejected` or `pointer`.

    When `send_events` fails, `taken` says what became of the chunks before the one that failed, and `sent` how many events those held.
    """

    taken: Taken | None = None
    sent: int = 0

    def __init__(
        self,
        message: str,
        code: str = "error",
        remedy: str = "",
        status: int = 0,
        document: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> None:
        """Makes an exception of a reply."""
        super().__init__(message, code, remedy)
        self.status = status
        self.document = dict(document or {})
        self.request_id = request_id


class Rejected(TypedDict, total=False):
    """An event that the service did not take: `index` counts within all events that were sent."""

    index: int
    code: str
    field: str
    detail: str


class Taken(TypedDict):
    """What became of events that were sent."""

    accepted: int
    duplicates: int
    rejected: list[Rejected]
    changed: list[dict[str, Any]]
    warnings: list[dict[str, Any]]


class Change(TypedDict, total=False):
    """A change of the feed. Follow the feed from its `cursor`."""

    cursor: int
    customer_id: str
    erased: bool
    tags: dict[str, Any]
    not_scored: str
    model: str
    as_of: str
    scored_at: str
    at: str


@dataclass
class Call(Generic[T]):
    """A request, and how its reply is read."""

    method: str
    path: str
    read: Callable[[Any], T]
    query: Query = field(default_factory=list)
    body: bytes | None = None
    media_type: str = "application/json"
    # Idempotency key, reused by every attempt.
    once: str | None = None

    def headers(self) -> dict[str, str]:
        """The headers of the request."""
        headers = {"accept": "application/json"}
        if self.body is not None:
            headers["content-type"] = self.media_type
        if self.once:
            headers["idempotency-key"] = self.once
        return headers


def _as_is(reply: Any) -> Any:
    return reply


def changing(method: str, path: str, read: Callable[[Any], T], body: Any = None, once: str | None = None) -> Call[T]:
    """A request that changes something: carried out once, however often it is sent."""
    content = None if body is None else json.dumps(body).encode()
    return Call(method, path, read, body=content, once=once or str(uuid.uuid4()))


def promotion(version: str) -> Call[dict[str, Any]]:
    """Makes a version the champion."""
    return changing("POST", f"/v1/models/{quote(version, safe='')}/promote", _as_is)


def profile_path(customer_id: object, rest: str = "") -> str:
    """The path of a customer's profile."""
    return f"/v1/profiles/{quote(known_id(customer_id), safe='')}{rest}"


def _shown(fields: Iterable[str], expand: Iterable[str], values: bool) -> Query:
    query: Query = []
    for name, given in (("fields", fields), ("expand", expand)):
        listed = names(given)
        if listed:
            query.append((name, ",".join(listed)))
    return [*query, ("tags", "values")] if values else query


def _tags(tags: Mapping[str, Any] | None, name: str = "tag") -> Query:
    pairs: Query = []
    for tag, given in (tags or {}).items():
        for value in given if isinstance(given, (list, tuple, set)) else [given]:
            # Texts that would be read as numbers or truth values are quoted.
            text = value if isinstance(value, str) else json.dumps(value)
            if isinstance(value, str) and _is_json(value):
                text = json.dumps(value)
            pairs.append((name, f"{tag}:{text}"))
    return pairs


def _is_json(text: str) -> bool:
    try:
        return not isinstance(json.loads(text), (dict, list))
    except ValueError:
        return False


def profile(customer_id: object, fields: Iterable[str], expand: Iterable[str], tag_values: bool) -> Call[dict[str, Any]]:
    """Asks for a profile."""
    return Call("GET", profile_path(customer_id), _as_is, _shown(fields, expand, tag_values))


def lookup(ids: Iterable[object], fields: Iterable[str], expand: Iterable[str], tag_values: bool) -> list[Call[dict[str, Any]]]:
    """Asks for several profiles, in as many requests as they take."""
    expand = names(expand)
    query, most = _shown(fields, expand, tag_values), 100 if expand else MOST
    known = [known_id(one) for one in ([ids] if isinstance(ids, str) else ids)]
    bodies = [{"ids": known[at : at + most]} for at in range(0, len(known), most)]
    return [Call("POST", "/v1/lookup", _as_is, query, json.dumps(body).encode()) for body in bodies]


@dataclass
class Listing:
    """Which customers are listed, and how."""

    tags: Mapping[str, Any] | None = None
    attributes: Mapping[str, Any] | None = None
    fields: Iterable[str] = ()
    expand: Iterable[str] = ()
    tag_values: bool = False
    snapshot: bool = False
    limit: int | None = None
    page: int | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Keeps names for every page."""
        self.fields, self.expand = names(self.fields), names(self.expand)

    def query(self) -> Query:
        """The parameters of each page but its cursor."""
        query = _shown(self.fields, self.expand, self.tag_values) + _tags(self.tags) + _tags(self.attributes, "attribute")
        for name, value in self.filters.items():
            if value is not None:
                query.append((name, str(instant(value)) if name == "updated_since" else str(value)))
        if self.snapshot:
            query.append(("snapshot", "true"))
        most = self.page or (100 if self.expand else MOST)
        return [*query, ("limit", str(min(most, self.limit or most)))]

    def call(self, cursor: str | None) -> Call[dict[str, Any]]:
        """Asks for a page."""
        query = self.query()
        if cursor:
            query.append(("cursor", cursor))
        return Call("GET", "/v1/profiles", _as_is, query)


def changes(cursor: int | None, tags: Sequence[str], from_now: bool, limit: int) -> Call[dict[str, Any]]:
    """Asks for a piece of the feed."""
    query: Query = [("limit", limit), *(("tag", one) for one in tags)]
    if cursor is not None:
        query.append(("cursor", str(cursor)))
    elif from_now:
        query.append(("from", "now"))
    return Call("GET", "/v1/changes", _as_is, query)


def campaign_size(
    cost: float, margin: float, window_days: int, effect: float | None, tags: Mapping[str, Any] | None
) -> Call[dict[str, Any]]:
    """Asks how many customers are worth contacting."""
    query: Query = [("cost", str(cost)), ("margin", str(margin)), ("window_days", str(window_days))]
    if effect is not None:
        query.append(("effect", str(effect)))
    return Call("GET", "/v1/campaigns/size", _as_is, query + _tags(tags))


def consent(customer_id: object, opted_out: bool, purpose: str | None, source: str | None) -> Call[dict[str, Any]]:
    """Records what a customer said."""
    body: dict[str, Any] = {"opted_out": opted_out}
    body |= {name: value for name, value in (("purpose", purpose), ("source", source)) if value is not None}
    return changing("PUT", profile_path(customer_id, "/consent"), _as_is, body)


def rows_of(data: Data, what: str = "events") -> Iterator[dict[str, Any]]:
    """Rows of a frame, of dictionaries, or of one dictionary, as JSON takes them; missing values are left out."""
    if isinstance(data, Mapping):
        rows: Iterable[Mapping[str, Any]] = [data]
    elif paths_of(data) is not None:
        remedy = "read them into a frame first, for example with pandas.read_csv"
        raise ArgumentError(f"{what} come from a frame or dictionaries, not from files; {remedy}", "not_events", remedy)
    elif isinstance(data, (list, tuple, Iterator)):
        rows = data
    else:
        import pyarrow

        rows = (row for batch in pyarrow.table(unmixed_stream(data, what)).to_batches(MOST) for row in batch.to_pylist())
    for row in rows:
        yield {name: _plain(value) for name, value in row.items() if not missing(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        # Whole ones stay exact: they may be ids.
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    return value.item() if hasattr(value, "item") else value


def _event(row: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, Any]:
    """A row by the names of the service, ids as text."""
    event = {own.get(name, name): value for name, value in row.items()}
    for name in ("customer_id", "event_id", "order_id", "product_id"):
        if name in event:
            event[name] = id_text(event[name], name)
    return event


def event_calls(data: Data, columns: Mapping[str, str] | None, chunk: int, once: str | None) -> Iterator[tuple[Call[Taken], int]]:
    """The requests that send events as NDJSON, each with its number of events."""
    if not 1 <= chunk <= MOST:
        raise ArgumentError(f"chunk {chunk}; give 1 to {MOST}", "chunk", f"give 1 to {MOST}")
    own = {theirs: known for known, theirs in (columns or {}).items()}
    first, lines = 0, []
    for row in rows_of(data):
        lines.append(json.dumps(_event(row, own)))
        if len(lines) == chunk:
            yield _events(lines, once, first), len(lines)
            first, lines = first + len(lines), []
    if lines:
        yield _events(lines, once, first), len(lines)


def _events(lines: list[str], once: str | None, first: int) -> Call[Taken]:
    body = ("\n".join(lines) + "\n").encode()
    key = f"{once}-{first}" if once else str(uuid.uuid4())
    return Call("POST", "/v1/events", _taken, body=body, media_type="application/x-ndjson", once=key)


def _taken(reply: Any) -> Taken:
    return {
        "accepted": reply.get("accepted", 0),
        "duplicates": reply.get("duplicates", 0),
        "rejected": list(reply.get("rejected", [])),
        "changed": list(reply.get("changed", [])),
        "warnings": list(reply.get("warnings", [])),
    }


def nothing_taken() -> Taken:
    """What became of no events."""
    return _taken({})


def add_taken(all_: Taken, first: int, found: Taken) -> None:
    """Adds what became of a chunk, whose first event is the `first` of all."""
    all_["accepted"] += found["accepted"]
    all_["duplicates"] += found["duplicates"]
    for one in found["rejected"]:
        moved = one.copy()
        moved["index"] = first + one.get("index", 0)
        all_["rejected"].append(moved)
    all_["changed"] += found["changed"]
    all_["warnings"] += found["warnings"]


def keep_taken(error: Error, taken: Taken, sent: int) -> None:
    """Leaves on an exception what became of the events before the chunk that failed."""
    vars(error).update(taken=taken, sent=sent)


def refused_events(error: ServiceError) -> Taken | None:
    """What became of a chunk none of whose events was taken; `None` where the request failed as a whole."""
    if error.code in {"invalid_event", "event_id_conflict"} and error.document.get("rejected"):
        return _taken(error.document)
    return None


def prediction_calls(
    customers: Data, as_of: When, horizons: Sequence[int] | None, discount_rate: float | None, columns: Mapping[str, str] | None
) -> list[Call[list[dict[str, Any]]]]:
    """The requests that score histories: customers with events, or purchases as a frame."""
    own = {theirs: known for known, theirs in (columns or {}).items()}
    given: list[dict[str, Any]]
    if isinstance(customers, (list, tuple)):
        given = [dict(one) for one in customers]
        if any("customer_id" not in one or "events" not in one for one in given):
            remedy = 'give [{"customer_id": ..., "events": [...]}] or a frame of purchases'
            raise ArgumentError(f"a customer has no `customer_id` or no `events`; {remedy}", "not_customers", remedy)
        for one in given:
            one["customer_id"] = known_id(one["customer_id"])
            one["events"] = [_event(row, own) for row in rows_of(list(one["events"]))]
    else:
        histories: dict[str, list[dict[str, Any]]] = {}
        for nth, row in enumerate(rows_of(customers, "customers")):
            event = _event(row, own)
            if "customer_id" not in event:
                remedy = 'fill it in, leave the row out, or name the column with columns={"customer_id": ...}'
                raise DataError(f"row {nth} of customers has no customer_id; {remedy}", "missing_id", remedy)
            histories.setdefault(event.pop("customer_id"), []).append(event)
        given = [{"customer_id": who, "events": events} for who, events in histories.items()]
    asked: dict[str, Any] = {"as_of": instant(as_of), "horizons": horizons and list(horizons), "discount_rate": discount_rate}
    asked = {name: value for name, value in asked.items() if value is not None}
    bodies = [{**asked, "customers": given[at : at + MOST]} for at in range(0, len(given), MOST)]

    def read(reply: Any) -> list[dict[str, Any]]:
        return list(reply["predictions"])

    return [Call("POST", "/v1/predictions", read, body=json.dumps(body).encode()) for body in bodies]


def failure(response: httpx.Response) -> ServiceError:
    """The exception of an error response."""
    try:
        reply = response.json()
    except ValueError:
        reply = None
    document = reply if isinstance(reply, dict) else {}
    detail = str(document.get("detail") or f"the service answered with status {response.status_code}")
    _, mark, remedy = detail.rpartition("; ")
    code = str(document.get("code") or f"http_{response.status_code}")
    request_id = response.headers.get("x-request-id")
    return ServiceError(detail, code, remedy if mark else "", response.status_code, document, request_id)


def unreachable(url: str, cause: Exception) -> ServiceError:
    """The exception of a service that does not answer."""
    remedy = "check the URL and that `homing serve` is running"
    return ServiceError(f"{url} does not answer ({type(cause).__name__}: {cause}); {remedy}", "unreachable", remedy)


def untrusted(url: str, cause: Exception) -> ServiceError:
    """The exception of a service whose certificate is refused."""
    remedy = "give the certificate of its authority with verify=, or check the URL"
    return ServiceError(f"the certificate of {url} is refused ({cause}); {remedy}", "unreachable", remedy)


def bad_url(url: str, cause: Exception) -> ServiceError:
    """The exception of a request whose URL is invalid, for example too long."""
    remedy = "check ids and names in the call"
    return ServiceError(f"a request to {url} has an invalid URL ({cause}); {remedy}", "bad_url", remedy)


def bad_reply(url: str, cause: Exception, response: httpx.Response | None = None) -> ServiceError:
    """The exception of a reply that cannot be read, such as the page of a proxy."""
    remedy = "check that the URL is that of `homing serve`"
    status = response.status_code if response is not None else 0
    request_id = response.headers.get("x-request-id") if response is not None else None
    text = f"{url} sent a reply that cannot be read ({type(cause).__name__}: {cause}); {remedy}"
    return ServiceError(text, "bad_reply", remedy, status, request_id=request_id)


@dataclass(frozen=True)
class Patience:
    """How often and how long a request is tried again."""

    retries: int
    longest_pause: float

    def after(self, response: httpx.Response, attempt: int) -> float | None:
        """Seconds until the next attempt; `None` where there is none."""
        passing = response.status_code in {409, 429, 503} and "retry-after" in response.headers
        if not passing or attempt >= self.retries:
            return None
        try:
            asked = max(0.0, float(response.headers["retry-after"]))
        except ValueError:
            asked = 1.0
        # Jitter, so that callers refused together do not retry together.
        pause = asked + random.uniform(0, 0.25 * (attempt + 1))
        return pause if asked <= self.longest_pause else None

    def after_failure(self, attempt: int) -> float | None:
        """Seconds until the next attempt after a connection failed."""
        return min(0.25 * 2**attempt, self.longest_pause) if attempt < self.retries else None
