"""scikit-uplift and causalml beside homing on an experiment with one outcome of 0 and 1; five-fold, Qini as scikit-uplift defines it.

    $PEERS_PYTHON benches/peers/uplift.py FOLDER_OF_THE_PROGRAMS EXPERIMENT.parquet ARM_COLUMN CONTROL OUTCOME [IGNORED,...]
"""
import json
import subprocess
import sys
import tempfile
import time
import warnings

import lightgbm as lgb
import numpy as np
import pandas as pd
from causalml.inference.meta import BaseSClassifier, BaseTClassifier, BaseXClassifier
from sklearn.model_selection import StratifiedKFold
from sklift.metrics import qini_auc_score, uplift_at_k
from sklift.models import ClassTransformation, SoloModel, TwoModels

warnings.filterwarnings("ignore")
programs, path, column, control, outcome = sys.argv[1:6]
ignored = sys.argv[6].split(",") if len(sys.argv) > 6 else []
table = pd.read_parquet(path).drop(columns=ignored)
TREES = dict(n_estimators=60, learning_rate=0.05, num_leaves=7, min_child_samples=200, verbose=-1, n_jobs=1)


def classifier():
    return lgb.LGBMClassifier(**TREES)


TOOLS = {
    "scikit-uplift TwoModels": lambda: TwoModels(classifier(), classifier()),
    "scikit-uplift SoloModel": lambda: SoloModel(classifier()),
    "scikit-uplift ClassTransformation": lambda: ClassTransformation(classifier()),
    "causalml S": lambda: BaseSClassifier(classifier()),
    "causalml T": lambda: BaseTClassifier(classifier()),
    "causalml X": lambda: BaseXClassifier(classifier(), lgb.LGBMRegressor(**TREES)),
}


def interval(y, uplift, treated, draws=200):
    random = np.random.default_rng(0)
    values = []
    for _ in range(draws):
        rows = random.integers(0, len(y), len(y))
        values.append(qini_auc_score(y[rows], uplift[rows], treated[rows]))
    return np.quantile(values, [0.025, 0.975])


for arm in sorted(set(table[column]) - {control}):
    rows = table[table[column].isin([arm, control])].reset_index(drop=True)
    treated, y = (rows[column] == arm).astype(int).to_numpy(), rows[outcome].to_numpy()
    x = pd.get_dummies(rows.drop(columns=[column, outcome]), dtype=float).to_numpy()
    for name, make in TOOLS.items():
        began, uplift = time.process_time(), np.zeros(len(y))
        for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(x, treated * 2 + y):
            model = make()
            if name.startswith("causalml"):
                known = {"p": np.full(len(train), treated.mean())} if name.endswith("X") else {}
                asked = {"p": np.full(len(test), treated.mean())} if name.endswith("X") else {}
                model.fit(x[train], treated[train], y[train], **known)
                uplift[test] = np.asarray(model.predict(x[test], **asked)).ravel()
            else:
                model.fit(x[train], y[train], treated[train])
                uplift[test] = model.predict(x[test])
        took = time.process_time() - began
        low, high = interval(y, uplift, treated)
        print(json.dumps({"arm": arm, "tool": name, "qini": round(qini_auc_score(y, uplift, treated), 4),
                          "low": round(low, 4), "high": round(high, 4), "cpu_s": round(took, 1),
                          "top30": round(uplift_at_k(y, uplift, treated, strategy="overall", k=0.3), 4)}), flush=True)
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        rows.to_parquet(file.name)
        said = subprocess.run([f"{programs}/homing-train", "uplift", "--experiment", file.name, "--treatment", column, "--control",
                               control, "--outcome", outcome, "--json"], capture_output=True, text=True, check=True).stdout
    found = json.loads(said)["arms"][0]
    print(json.dumps({"arm": arm, "tool": "homing", "claimed": found["claimed"], "qini": round(found["qini"], 4),
                      "low": round(found["qini_low"], 4), "high": round(found["qini_high"], 4),
                      "top30": round(found["top30_uplift"], 4)}), flush=True)
