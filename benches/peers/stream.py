"""RFM and windows of every customer, by DuckDB or Polars: what benches/stream.rs does by its own way."""

import sys

way, path = sys.argv[1:]
DAY = 86_400_000_000
AS_OF = (14_000 + 1096) * DAY
WINDOWS = [30, 90, 180, 365, 730]

if way == "duckdb":
    import duckdb

    windows = ", ".join(
        f"count(DISTINCT day) FILTER (ago < {w}) AS orders_{w}, coalesce(sum(amount) FILTER (ago < {w}), 0) AS spend_{w}"
        for w in WINDOWS
    )
    sums = " + ".join(f"spend_{w} + orders_{w}" for w in WINDOWS)
    count, total = duckdb.sql(f"""
        WITH lines AS (
            SELECT customer_id, amount, epoch_us(occurred_at) AS moment, epoch_us(occurred_at) // {DAY} AS day,
                   ({AS_OF} - epoch_us(occurred_at)) // {DAY} AS ago
            FROM read_parquet('{path}') WHERE amount > 0),
        customers AS (
            SELECT customer_id, sum(amount) AS money, ({AS_OF} - max(moment)) / {DAY} AS recency, {windows}
            FROM lines GROUP BY customer_id)
        SELECT count(*), sum(money + recency + {sums}) FROM customers""").fetchall()[0]
else:
    import polars as pl

    at = pl.col("occurred_at").dt.epoch("us")
    lines = (
        pl.scan_parquet(path)
        .filter(pl.col("amount") > 0)
        .with_columns(at=at, day=at // DAY, ago=(AS_OF - at) // DAY)
    )
    parts = [pl.col("amount").sum().alias("money"), ((AS_OF - pl.col("at").max()) / DAY).alias("recency")]
    for w in WINDOWS:
        inside = pl.col("ago") < w
        parts += [
            pl.col("day").filter(inside).n_unique().alias(f"orders_{w}"),
            pl.col("amount").filter(inside).sum().alias(f"spend_{w}"),
        ]
    customers = lines.group_by("customer_id").agg(parts).collect(engine="streaming")
    count = len(customers)
    total = sum(customers[name].sum() for name in customers.columns if name != "customer_id")

print(f"{count} customers, {total:.0f}")
