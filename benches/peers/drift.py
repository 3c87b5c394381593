"""Sixty nights on the simulated chain, with a fault from night 30 on: days until `homing monitor` rings, and alarms of quiet nights.

    $PEERS_PYTHON benches/peers/drift.py FOLDER_OF_THE_PROGRAMS [CUSTOMERS [SCENARIO,...]]

Scenarios: quiet, price (all amounts 25 % higher), cents (all amounts 100 times), source (the largest channel sends nothing more).
Prints one JSON object a scenario: the first night on which each alarm rang, and nights with any.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import pandas as pd

programs = pathlib.Path(sys.argv[1]).resolve()
customers = int(sys.argv[2]) if len(sys.argv) > 2 else 4000
scenarios = (sys.argv[3] if len(sys.argv) > 3 else "quiet,price,cents,source").split(",")
NIGHTS, FAULT, UNTIL = 60, 30, pd.Timestamp("2025-06-30")


def run(*arguments, cwd):
    done = subprocess.run([programs / arguments[0], *arguments[1:]], cwd=cwd, capture_output=True, text=True)
    if done.returncode not in (0, 4):
        sys.exit(f"{arguments}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


with tempfile.TemporaryDirectory() as folder:
    home = pathlib.Path(folder)
    run("homing", "simulate", "--customers", str(customers), "--days", "800", "--until", str(UNTIL.date()), "--seed", "5",
        "--out", "chain", cwd=home)
    events = pd.concat([pd.read_parquet(file) for file in sorted((home / "chain/events").glob("*.parquet"))])
    day = pd.to_datetime(events.occurred_at).dt.tz_localize(None).dt.normalize()
    first = UNTIL - pd.Timedelta(days=NIGHTS)
    before = events[day <= first]
    before.to_parquet(home / "before.parquet")
    run("homing-train", "fit", "--purchases", "before.parquet", "--name", "chain", "--horizons", "30,90", cwd=home)
    purchases = before[before.kind == "purchase"]
    largest = purchases.channel.value_counts().index[0]
    for scenario in scenarios:
        place = home / scenario
        place.mkdir()
        common = ["--registry", "../registry", "--profiles", "sqlite:profiles.db"]
        # A year of kept nights stands behind a real store; here the first one is the last before the sixty.
        score = ["homing", "score", "--snapshot", "snapshot", *common]
        run(*score, "--purchases", "../before.parquet", "--as-of", str(first.date()), cwd=place)
        rang, nights, took = {}, [], 0.0
        for night in range(1, NIGHTS + 1):
            date = first + pd.Timedelta(days=night)
            today = events[day == date].copy()
            if night >= FAULT:
                bought = today.kind == "purchase"
                if scenario == "price":
                    today.loc[bought, "amount"] *= 1.25
                if scenario == "cents":
                    today.loc[bought, "amount"] *= 100
                if scenario == "source":
                    today = today[today.channel != largest]
            today.to_parquet(place / "today.parquet")
            began = time.time()
            run(*score, "--purchases", "today.parquet", "--as-of", str(date.date()), cwd=place)
            found = json.loads(run("homing", "monitor", *common, "--json", cwd=place))
            took += time.time() - began
            codes = sorted({alarm["code"] for alarm in found["alarms"]})
            for code in codes:
                rang.setdefault(code, night)
            if codes:
                nights.append(night)
        print(json.dumps({
            "scenario": scenario,
            "first_night": rang,
            "nights_before_fault": [night for night in nights if night < FAULT],
            "days_until_alarm": min((night - FAULT for night in nights if night >= FAULT), default=None),
            "nights_with_alarm": len(nights),
            "seconds_a_night": round(took / NIGHTS, 2),
            "store_bytes": (place / "profiles.db").stat().st_size,
        }), flush=True)
