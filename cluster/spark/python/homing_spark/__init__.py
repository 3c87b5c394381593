"""Scores of homing in Spark: the same code as on one machine, called for each partition by ``mapInArrow``.

    from homing_spark import score
    scores = score(spark.read.parquet("purchases"), registry="/models", as_of="2011-09-09")
    scores.write.parquet("scores")
"""

import functools
import os
import time

# One core of a Spark executor runs one Python worker: more threads would only take them from each other.
os.environ.setdefault("RAYON_NUM_THREADS", "1")

from .homing_spark_native import Model, Partition  # noqa: E402

__all__ = ["Model", "Partition", "TooManyRejects", "count", "map_scores", "score"]


class TooManyRejects(ValueError):
    """The share of rejected lines exceeds ``max_rejects``."""


@functools.lru_cache(maxsize=4)
def _model(registry, wanted):
    """A model is read once in each Python worker."""
    return Model(registry, wanted)


def count(frame, registry, model=None, columns=None):
    """Counts the lines of a frame by outcome, with the rules of homing's readers.

    Returns a dict: lines, events, without_customer, rejected (by cause), last_micros (of the last event).
    """
    wanted, columns = _model(registry, model).id, dict(columns or {})

    def counts(batches):
        import pyarrow

        for batch in batches:
            rows = _model(registry, wanted).count(batch, columns)
            names = ["cause", "lines", "last_micros"]
            types = [pyarrow.string(), pyarrow.int64(), pyarrow.int64()]
            arrays = [pyarrow.array(column, of) for column, of in zip(zip(*rows), types)] if rows else None
            if arrays:
                yield pyarrow.RecordBatch.from_arrays(arrays, names)

    found = frame.mapInArrow(counts, "cause string, lines bigint, last_micros bigint")
    found = found.groupBy("cause").agg({"lines": "sum", "last_micros": "max"}).collect()
    tally = {"lines": 0, "events": 0, "without_customer": 0, "rejected": {}, "last_micros": None}
    for row in found:
        lines = row["sum(lines)"]
        tally["lines"] += lines
        if row["cause"] is None:
            tally["events"], tally["last_micros"] = lines, row["max(last_micros)"]
        elif row["cause"] == "without_customer":
            tally["without_customer"] = lines
        else:
            tally["rejected"][row["cause"]] = lines
    return tally


def map_scores(registry, model, as_of_micros, scored_at_micros, columns=None):
    """The function for ``mapInArrow``. Each partition must hold all lines of each of its customers."""
    columns = dict(columns or {})

    def scores(batches):
        partition = Partition(_model(registry, model), columns)
        for batch in batches:
            partition.add(batch)
        partition.close()
        while (batch := partition.scores(as_of_micros, scored_at_micros)) is not None:
            yield batch

    return scores


def score(frame, registry, model=None, as_of=None, columns=None, max_rejects=0.01, partitions=None):
    """Scores every customer of a frame of purchases: one row each, with the columns of ``homing score --out``.

    registry: a folder that the driver and every executor can read under this path, shared or copied.
    model: NAME, NAME@VERSION or a version; default: the champion, if the registry has one name.
    as_of: a date (end of day in the model's time zone) or a timestamp; default: the last event.
    columns: a map from homing's column names to those of the frame, e.g. {"customer_id": "member_no"}.
    max_rejects: the maximum share of rejects among lines with a customer; above it, TooManyRejects is raised.
    partitions: number of partitions for the customers; the lines of one must fit into a worker's memory.
    """
    read = _model(registry, model)
    columns = dict(columns or {})
    tally = count(frame, registry, read.id, columns)
    rejected = sum(tally["rejected"].values())
    with_customer = tally["lines"] - tally["without_customer"]
    if rejected > max_rejects * with_customer:
        raise TooManyRejects(
            f"{rejected} of {with_customer} lines were rejected, over the limit of {max_rejects}: {tally['rejected']}"
        )
    if tally["events"] == 0:
        raise ValueError(f"none of the {tally['lines']} lines is a valid event; check `columns`")
    as_of_micros = tally["last_micros"] if as_of is None else read.as_of(as_of)
    customer = frame[columns.get("customer_id", "customer_id")]
    spread = frame.repartition(customer) if partitions is None else frame.repartition(partitions, customer)
    scores = map_scores(registry, read.id, as_of_micros, int(time.time() * 1e6), columns)
    return spread.mapInArrow(scores, read.schema)
