"""Spark local[2] gives the scores of one machine, to the bit. Run by ../run-tests, which sets the environment."""

import os
import struct
import subprocess
import sys
import tempfile

import pyarrow.parquet
from pyspark.sql import SparkSession

from homing_spark import TooManyRejects, count, score

homing, train, purchases = sys.argv[1:4]
folder = tempfile.mkdtemp()
registry, alone = os.path.join(folder, "registry"), os.path.join(folder, "alone.parquet")
fit = [train, "fit", "--purchases", purchases, "--as-of", "1998-03-31", "--name", "shop", "--horizons", "90"]
fit += ["--churn-horizon", "90", "--value-horizon", "90", "--registry", registry]
subprocess.run(fit, check=True, cwd=folder, stdout=subprocess.DEVNULL)
subprocess.run([homing, "score", "--purchases", purchases, "--registry", registry, "--out", alone], check=True, cwd=folder)

# Instants as homing writes them; Spark's own choice is a form of 96 bits without a zone.
times = {"spark.sql.session.timeZone": "UTC", "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"}
spark = SparkSession.builder.master("local[2]").config(map=times).getOrCreate()
frame = spark.read.parquet(purchases)
out = os.path.join(folder, "spark")
score(frame, registry, partitions=4).write.parquet(out)


def bits(value):
    return struct.pack("<d", value) if isinstance(value, float) else value


def rows(path):
    table = pyarrow.parquet.read_table(path).drop_columns(["scored_at"])
    return sorted(tuple(map(bits, row.values())) for row in table.to_pylist()), table.column_names


expected, found = rows(alone), rows(out)
assert expected[1] == found[1], found[1]
assert len(found[0]) == 23_570 and expected[0] == found[0], "scores differ"

lines = [("a", "1998-01-01", 5.0), ("", "1998-01-01", 5.0), ("a", "soon", 5.0), ("b", "1998-02-01", float("nan"))]
frame = spark.createDataFrame(lines, "member string, occurred_at string, amount double")
names = {"customer_id": "member"}
tally = count(frame, registry, columns=names)
assert tally["rejected"] == {"bad_occurred_at": 1, "not_finite": 1}, tally
assert (tally["lines"], tally["events"], tally["without_customer"]) == (4, 1, 1), tally
try:
    score(frame, registry, columns=names)
except TooManyRejects as refused:
    assert "bad_occurred_at" in str(refused)
else:
    raise AssertionError("rejects beyond the limit must be refused")
assert [row.customer_id for row in score(frame, registry, columns=names, max_rejects=1.0).collect()] == ["a"]
print(f"Spark {spark.version}: {len(found[0])} customers, scores equal to the bit")
spark.stop()
