"""Association rules with mlxtend on the baskets of a purchases file; compares them with homing's when given.

    homing baskets --purchases FILE --by product --min-support 0.01 --min-confidence 0.3 --out rules.csv --json
    $PEERS_PYTHON benches/peers/baskets.py FILE 0.01 0.3 rules.csv
"""
import json
import sys
import time

import pandas as pd
from mlxtend.frequent_patterns import association_rules, fpgrowth
from mlxtend.preprocessing import TransactionEncoder

path, support, confidence = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
lines = pd.read_parquet(path, columns=["customer_id", "order_id", "product_id", "amount", "kind"])
lines = lines[lines.customer_id.notna() & (lines.kind == "purchase") & (lines.amount > 0)]
baskets = lines.groupby(["customer_id", "order_id"]).product_id.agg(lambda p: sorted(set(p.dropna()))).tolist()
began = time.process_time()
encoder = TransactionEncoder()
table = pd.DataFrame(encoder.fit(baskets).transform(baskets), columns=encoder.columns_)
encoded = time.process_time()
sets = fpgrowth(table, min_support=support, use_colnames=True, max_len=5)
rules = association_rules(sets, metric="confidence", min_threshold=confidence)
done = time.process_time()
out = {"baskets": len(baskets), "sets": len(sets), "rules": len(rules),
       "encode_cpu_s": encoded - began, "mine_cpu_s": done - encoded}
if len(sys.argv) > 4:
    own = pd.read_csv(sys.argv[4])
    theirs = {(" ".join(sorted(r.antecedents)), " ".join(sorted(r.consequents))): (r.support, r.confidence, r.lift)
              for r in rules.itertuples()}
    ours = {(r.antecedents, r.consequents): (r.support, r.confidence, r.lift) for r in own.itertuples()}
    out["same_rules"] = set(theirs) == set(ours)
    out["largest_difference"] = max(abs(a - b) for key in theirs if key in ours
                                    for a, b in zip(theirs[key], ours[key]))
print(json.dumps(out))
