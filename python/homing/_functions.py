"""Uplift, campaigns, identity, baskets, and the simulated chain."""

from __future__ import annotations

import html
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from homing import _homing
from homing._data import When, id_text, instant, known_id, names, read
from homing._errors import ArgumentError, DataError, pythonic, warn
from homing._frames import Data, frame_of, id_type, kind_of, paths_of, unmixed_stream
from homing._model import Progress, _teller


def _table(data: Data, what: str) -> Any:
    """A frame, or the files of paths, as what the core reads."""
    if paths_of(data) is not None:
        remedy = "read them into a frame first, for example with pandas.read_csv"
        raise ArgumentError(f"{what} is a frame, not files; {remedy}", "not_a_frame", remedy)
    return unmixed_stream(data, what)


def baskets(
    data: Data,
    *,
    by: str = "product",
    min_support: float = 0.01,
    min_confidence: float = 0.3,
    max_items: int = 5,
    timezone: str | None = None,
    **reading: Any,
) -> Any:
    """What is bought together: association rules between products or categories, as of `homing baskets`.

    One row a rule: antecedents, consequents, support, confidence, lift, p_value, q_value. `reading` as in `homing.Model`.

    >>> import homing
    >>> shop = homing.simulate(customers=300, days=400)
    >>> rules = homing.baskets(shop.events, by="category", min_support=0.005, min_confidence=0.1)
    >>> rules.columns.tolist()[:4]
    ['antecedents', 'consequents', 'support', 'confidence']
    """
    loaded = read(data, reading, timezone)
    return frame_of(_homing.baskets(loaded.histories, by, float(min_support), float(min_confidence), int(max_items)), loaded.kind)


class Uplift:
    """What a randomised experiment says of whom contact changes; see `homing.uplift`."""

    def __init__(self, figures: dict[str, Any], scores: _homing.Frame, kind: str) -> None:
        """Holds what was found."""
        self.figures = figures
        self._scores = scores
        self._kind = kind

    @property
    def arms(self) -> Any:
        """One row an arm and outcome: effect, Qini, area under the uplift curve, uplift of the top 30 %, with intervals, and `claimed`."""
        import pyarrow

        rows = [{k: v for k, v in arm.items() if not isinstance(v, (list, dict))} for arm in self.figures["arms"]]
        return frame_of(pyarrow.Table.from_pylist(rows), self._kind)

    @property
    def scores(self) -> Any:
        """One row a customer: arm, predicted uplift where it is claimed, expected outcomes with and without contact, out of fold."""
        return frame_of(self._scores, self._kind)

    @property
    def claimed(self) -> bool:
        """Whether uplift is proven on held-out customers for any arm and outcome."""
        return any(arm["claimed"] for arm in self.figures["arms"])

    def __repr__(self) -> str:
        """The conclusion of each arm and outcome."""
        return "\n".join(f"{arm['arm']} on {arm['outcome']}: {arm['conclusion']}" for arm in self.figures["arms"])


def uplift(
    experiment: Data,
    *,
    treatment: str,
    outcome: str | Sequence[str],
    control: str | None = None,
    features: Sequence[str] = (),
    ignore: Sequence[str] = (),
    seed: int = 0,
    progress: Progress = False,
) -> Uplift:
    """Learns from a randomised experiment whom contact changes, and claims it only where held-out customers prove it.

    `experiment` has one row a customer: the arm (`treatment`), outcomes, and what was known of the customer before. All columns that can
    be features are, unless `features` names them; ids and consequences of the contact are recognised and left out. See docs/uplift.md.

    >>> import homing, numpy, pandas
    >>> draw = numpy.random.default_rng(1)
    >>> rows = pandas.DataFrame({"mailed": draw.integers(0, 2, 6000), "recency": draw.uniform(0, 365, 6000)})
    >>> p = 0.1 + 0.3 * rows["mailed"] * (rows["recency"] < 120)
    >>> found = homing.uplift(rows.assign(bought=(draw.uniform(size=6000) < p).astype(int)), treatment="mailed", outcome="bought")
    >>> found.claimed, found.arms["arm"].tolist()
    (True, ['1'])
    """
    columns = {
        "treatment": treatment,
        "control": None if control is None else str(control),
        "outcomes": list(names(outcome)),
        "features": list(names(features)),
        "ignore": list(names(ignore)),
    }
    figures, scores = _homing.uplift(_table(experiment, "experiment"), columns, int(seed), _teller(progress))
    return Uplift(json.loads(figures), scores, kind_of(experiment))


class Evaluation:
    """What a campaign changed; see `homing.Campaign.evaluate`."""

    def __init__(self, text: str, kind: str) -> None:
        """Holds the figures of an evaluation."""
        self._text = text
        self._kind = kind
        self.figures: dict[str, Any] = json.loads(text)
        self.figures["warnings"] = [pythonic(one) for one in self.figures["warnings"]]

    @property
    def outcomes(self) -> Any:
        """One row an outcome (purchase, orders, spend, margin): means of both groups, effect with its 95 % interval, p-value."""
        import pyarrow

        return frame_of(pyarrow.Table.from_pylist(self.figures["outcomes"]), self._kind)

    @property
    def warnings(self) -> list[str]:
        """What to keep in mind."""
        return list(self.figures["warnings"])

    def __repr__(self) -> str:
        """One line an outcome."""
        f = self.figures
        lines = [f"{f['campaign']}: {f['treated']} contacted, {f['held_out']} held out, {f['window_days']:g} days"]
        for one in f["outcomes"]:
            known = one["effect"] is not None
            effect = f"{one['effect']:+.4g} ({one['low']:.4g} to {one['high']:.4g}), p {one['p_value']:.2g}" if known else one["note"]
            lines.append(f"{one['outcome']}: {one['treated']:.4g} against {one['held_out']:.4g}, effect {effect}")
        return "\n".join([*lines, *(f"warning: {one}" for one in self.warnings)])

    def _repr_html_(self) -> str:
        """For notebooks."""
        return f"<pre>{html.escape(repr(self))}</pre>"


class Campaign:
    """A campaign: who was contacted, and who was held out.

    Parameters
    ----------
    contacts
        A frame with one row a customer: `customer_id`, `held_out` (true for those who were not contacted), and, unless `at` is given, `at`:
        when the customer was put on the list. Scores of that time (`p_purchase_30d`, `expected_spend_30d`, ...) sharpen the result.
    at
        When the list was made, for all.
    name
        The campaign's name.

    Examples
    --------
    >>> import homing
    >>> purchases = homing.datasets.cdnow()
    >>> ids = purchases["customer_id"].drop_duplicates().sort_values()
    >>> contacts = ids.to_frame().assign(held_out=[nth % 4 == 0 for nth in range(len(ids))])
    >>> found = homing.Campaign(contacts, at="1998-03-31", name="nobody").evaluate(purchases)
    >>> bool(found.outcomes["p_value"].iloc[0] > 0.01)              # nobody was contacted
    True
    """

    def __init__(self, contacts: Data, *, at: When = None, name: str = "campaign") -> None:
        """Keeps the list."""
        import pyarrow

        self.name = name
        self._kind = kind_of(contacts)
        table = pyarrow.table(_table(contacts, "contacts"))
        for needed in ["customer_id", "held_out"] + ([] if at is not None else ["at"]):
            if needed not in table.column_names:
                remedy = "name it so" if needed != "at" else "name it so, or give at="
                raise DataError(
                    f"contacts has no column `{needed}`; {remedy}. Columns: {', '.join(table.column_names)}", "missing_column", remedy
                )
        rows = table.to_pylist()
        scores = [one for one in table.column_names if one.startswith(("p_purchase_", "expected_spend_"))]
        ids = [id_text(row["customer_id"]) for row in rows]
        for nth, row in enumerate(rows):
            if ids[nth] is None or row["held_out"] not in (True, False):
                remedy = "each row needs a customer_id, and held_out as true or false"
                raise DataError(
                    f"row {nth} of contacts has customer_id {row['customer_id']!r} and held_out {row['held_out']!r}; {remedy}",
                    "bad_contact",
                    remedy,
                )
        known = [{one: row[one] for one in scores if row[one] is not None} for row in rows]
        self._list = {
            "name": name,
            "customers": ids,
            "held_out": [bool(row["held_out"]) for row in rows],
            "at": [str(instant(row["at"] if at is None else at)) for row in rows],
            "scores": [json.dumps(one) if one else "" for one in known],
        }
        if len(set(ids)) < len(ids):
            remedy = "list each customer once"
            raise DataError(f"{len(ids) - len(set(ids))} customers are on the list more than once; {remedy}", "repeated_customer", remedy)

    def evaluate(
        self,
        purchases: Data,
        *,
        window_days: int = 30,
        margin: float | None = None,
        cost_per_contact: float | None = None,
        share: float | None = None,
        so_far: bool = False,
        timezone: str | None = None,
        **reading: Any,
    ) -> Evaluation:
        """Compares the contacted customers with those held out, by what they bought within `window_days` of the list (intent to treat).

        `purchases` holds the history before the list too: the effect is adjusted for it (CUPED). `margin` is the gross margin as a share
        of the spend, `share` the planned share to hold out, `so_far` allows a window that is not over. See docs/campaigns.md.
        """
        loaded = read(purchases, reading, timezone)
        how = {"window_days": int(window_days), "so_far": so_far, "margin": margin, "cost_per_contact": cost_per_contact, "share": share}
        return Evaluation(_homing.evaluate_campaign(loaded.histories, self._list, how), self._kind)

    @staticmethod
    def pool(evaluations: Iterable[Evaluation]) -> Any:
        """One row an outcome: the effects of several campaigns, weighted by inverse variances. `p_same` below .05: they differ."""
        import pyarrow

        given = list(evaluations)
        rows = json.loads(_homing.pool_campaigns([one._text for one in given]))
        return frame_of(pyarrow.Table.from_pylist(rows), given[0]._kind if given else "arrow")


class Identity:
    """Records joined into people; see `homing.identity`."""

    def __init__(self, people: Any, moves: Any, conflicts: Any, report: dict[str, Any]) -> None:
        """Holds what was found."""
        self.people = people
        self.moves = moves
        self.conflicts = conflicts
        self.report = report

    def __repr__(self) -> str:
        """How well the sources are connected."""
        r = self.report
        return f"{r['records']} records, {r['people']} people, {r['connected']:.1%} of them in two or more sources"


def identity(
    members: Data,
    *,
    previous: Data = None,
    merge: Iterable[tuple[object, object]] = (),
    split: Iterable[object] = (),
    columns: Mapping[str, str] | None = None,
    hash_key: bytes | None = None,
    hashed: bool = False,
) -> Identity:
    """Matches the records of several sources to people by shared keys, as `homing identity` does. See docs/identity.md.

    `members` is a frame with `record_id` and one or more of phone, member_id, open_id and email; name and source are optional, `columns`
    maps other names. `previous` is `.people` of an earlier run: people keep their ids, and `.moves` has the records that moved. `merge`
    and `split` are your own decisions. With `hash_key` (16 bytes or more) keys are kept as keyed hashes only; `hashed` says that they are
    hashed already.

    >>> import homing
    >>> shop = homing.simulate(customers=300, days=400)
    >>> found = homing.identity(shop.members)
    >>> found.people.columns.tolist(), len(found.people) == len(shop.members)
    (['record_id', 'person_id'], True)
    """
    own = {str(known): str(name) for known, name in (columns or {}).items()}
    joining: dict[str, Any] = {
        "columns": own,
        "merge": [(known_id(one, "record"), known_id(other, "record")) for one, other in merge],
        "split": [known_id(one, "record") for one in split],
        "hash_key": hash_key,
        "hashed": hashed,
    }
    before = None if previous is None else _table(previous, "previous")
    people, moves, conflicts, report, warnings = _homing.identity(_table(members, "members"), joining, before)
    for code, text, count in warnings:
        warn(code, text, count)
    document = json.loads(report)
    kind, ids = kind_of(members), id_type(members, own.get("record_id", "record_id"))
    return Identity(
        frame_of(people, kind, ids, "record_id"),
        None if moves is None else frame_of(moves, kind, ids, "record_id"),
        frame_of(conflicts, kind),
        document["report"] | {"read": document["read"]},
    )


class Simulation:
    """A simulated retail chain: what it would hand over, and the truth behind it; see `homing.simulate`."""

    def __init__(self, folder: str, kind: str) -> None:
        """Reads what was written."""
        import pyarrow.parquet

        def table(name: str) -> Any:
            return frame_of(pyarrow.parquet.read_table(Path(folder) / name), kind)

        self.events = table("events")
        self.members = table("members")
        self.truth = table("truth")

    def __repr__(self) -> str:
        """How much there is."""
        return f"{len(self.events)} events, {len(self.members)} member records, {len(self.truth)} records with their truth"


def simulate(
    customers: int = 10_000,
    *,
    days: int = 1096,
    until: When = "2025-06-30",
    seed: int = 1,
    out: str | os.PathLike[str] | None = None,
    kind: str = "pandas",
) -> Simulation:
    """Simulates a chain of baby-goods shops with known truth: frames `events`, `members` and `truth` (docs/simulation.md).

    The same seed gives the same data, those of `homing simulate`. With `out` the files stay in that folder. `kind`: pandas, polars, arrow.

    >>> import homing
    >>> shop = homing.simulate(customers=300, days=400)
    >>> sorted(shop.truth["state"].unique().tolist())[:2]
    ['active', 'fading']
    """
    if kind not in {"pandas", "polars", "arrow"}:
        raise ArgumentError(f"kind {kind!r}; write pandas, polars or arrow", "kind", "write pandas, polars or arrow")
    with tempfile.TemporaryDirectory() as own:
        folder = os.path.join(own, "chain") if out is None else os.fspath(out)
        _homing.simulate(int(customers), int(days), str(instant(until)), int(seed), folder)
        return Simulation(folder, kind)
