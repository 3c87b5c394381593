"""Makes the stores of this folder with the programs of the version whose stores they are to be.

    python3 make_stores.py PROGRAMS CATALOGUE POSTGRES

PROGRAMS is the folder of homing and homing-train of that version, CATALOGUE its catalogue of tags, POSTGRES the URL of a PostgreSQL
server on which databases `old` and `copy` may be made (psql and pg_dump must be on the PATH). Purchases are invented. Beside each
store lies what its own version said of it: the export of each customer, the feed, the dead letters and the keys.
"""

import json
import pathlib
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

HERE = pathlib.Path(__file__).parent
PROGRAMS, CATALOGUE, POSTGRES = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]

def run(program, *arguments):
    done = subprocess.run([PROGRAMS / program, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, (program, arguments, done.stdout, done.stderr)
    return done.stdout


def purchases(path, customers, seed):
    luck = random.Random(seed)
    lines = ["customer_id,occurred_at,amount,category"]
    for customer in customers:
        day, gap = date(2024, 1, 1) + timedelta(luck.randrange(500)), luck.choice([12, 30, 60, 150])
        while day < date(2025, 12, 31):
            lines.append(f"{customer},{day},{luck.uniform(5, 90):.2f},{luck.choice(['tea', 'rice'])}")
            day += timedelta(1 + round(luck.expovariate(1 / gap)))
            if luck.random() < 0.08:
                break
    path.write_text("\n".join(lines) + "\n")


KEPT_TAGS = ["churn.level", "churn.percentile", "next_order.due", "lifecycle.stage", "tier.member", "rfm.recency", "rfm.frequency",
             "signal.rhythm_broken", "preference.category", "first_purchase.month", "value.at_risk_level"]


def few_tags(path):
    """The catalogue with a few of its tags."""
    head, *tags = re.split(r"(?m)^(?=\[\[tag\]\])", CATALOGUE.read_text())
    kept = [tag for tag in tags if re.search(r'name = "(.*?)"', tag).group(1) in KEPT_TAGS]
    path.write_text(head + "".join(kept))


class Refuser(BaseHTTPRequestHandler):
    """A follower of the feed that takes the first delivery."""

    heard = 0

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        Refuser.heard += 1
        self.send_response(200 if Refuser.heard == 1 else 410)
        self.end_headers()

    def log_message(self, *_):
        pass


class Server:
    def __init__(self, folder, place, *arguments):
        command = [PROGRAMS / "homing", "serve", "--listen", "127.0.0.1:0", "--profiles", place]
        command += ["--registry", folder / "registry", "--tags", folder / "tags.toml", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.at = self.process.stdout.readline().split()[-1]

    def ask(self, method, path, body=None, key=None):
        request = urllib.request.Request(self.at + path, method=method)
        if key:
            request.add_header("authorization", f"Bearer {key}")
        data = None
        if body is not None:
            request.add_header("content-type", "application/json")
            data = json.dumps(body).encode()
        with urllib.request.urlopen(request, data) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def stop(self):
        self.process.terminate()
        self.process.wait()


def fill(folder, place):
    customers = ["c1", "c2", "c3", "c4", "客户5", "gone", "opted-out"]
    purchases(folder / "few.csv", customers, 7)
    run("homing", "score", "--purchases", folder / "few.csv", "--registry", folder / "registry", "--profiles", place,
        "--journal", folder / f"journal-{place[:3]}", "--tags", folder / "tags.toml", "--scored-at", "2026-01-01T02:00:00Z")
    admin = json.loads(run("homing", "keys", "--profiles", place, "--json", "create", "--name", "admin", "--role", "admin"))
    lost = json.loads(run("homing", "keys", "--profiles", place, "--json", "create", "--name", "lost", "--role", "reader"))
    run("homing", "keys", "--profiles", place, "revoke", lost["id"])
    refuser = HTTPServer(("127.0.0.1", 0), Refuser)
    threading.Thread(target=refuser.serve_forever, daemon=True).start()
    server = Server(folder, place, "--webhook", f"http://127.0.0.1:{refuser.server_port}/hook", "--webhook-secret", "s" * 32, "--shadow-share", "1")
    key = admin["key"]
    deadline = time.monotonic() + 30
    while not Refuser.heard:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    event = lambda n, who, day, amount: {"event_id": f"e{n}", "customer_id": who, "occurred_at": f"2026-01-{day:02}T10:00:00Z",
                                         "kind": "purchase", "amount": amount, "channel": "web"}
    events = [event(1, "c1", 2, 12.5), event(2, "new", 3, 40.0), event(3, "gone", 3, 9.0), event(4, "客户5", 4, 31.75)]
    server.ask("POST", "/v1/events", {"events": events}, key)
    server.ask("POST", "/v1/events", {"events": [event(5, "c2", 5, 300.0)]}, key)
    server.ask("PUT", "/v1/profiles/opted-out/consent", {"opted_out": True}, key)
    server.ask("PUT", "/v1/profiles/not-yet-known/consent", {"opted_out": True}, key)
    server.ask("PUT", "/v1/profiles/c1/attributes", {"city": "上海", "age": 41}, key)
    server.ask("GET", "/v1/profiles/c3", None, key)
    server.ask("DELETE", "/v1/profiles/gone", None, key)
    while not server.ask("GET", "/v1/dead-letters", None, key)["dead_letters"]:
        assert time.monotonic() < deadline, Refuser.heard
        time.sleep(0.1)
    while not counted(place):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    server.stop()
    run("homing", "campaign", "--campaign", "spring", "--profiles", place, "--out", folder / "spring.csv", "--hold-out", "0.4",
        "--at", "2026-01-06T09:00:00Z")
    return key


def psql(database, *arguments):
    done = subprocess.run(["psql", f"{POSTGRES}/{database}", "-qAt", "-v", "ON_ERROR_STOP=1", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout.strip()


def counted(place):
    """Whether the server has counted over all customers."""
    count = "SELECT count(*) FROM surveys"
    if not place.startswith("sqlite:"):
        return psql("old", "-c", count.replace("surveys", "homing.surveys")) != "0"
    base = sqlite3.connect(place.removeprefix("sqlite:"))
    try:
        return base.execute(count).fetchone()[0]
    finally:
        base.close()


def expected(folder, copy, key):
    server = Server(folder, copy)
    customers = ["c1", "c2", "c3", "c4", "客户5", "new", "gone", "opted-out", "not-yet-known"]
    quoted = lambda customer: urllib.request.quote(customer)
    exports = {}
    for customer in customers:
        try:
            exports[customer] = server.ask("GET", f"/v1/profiles/{quoted(customer)}/export", None, key)
        except urllib.error.HTTPError as error:
            assert error.code == 404, (customer, error)
            exports[customer] = None
    changes = server.ask("GET", "/v1/changes?limit=1000", None, key)
    letters = server.ask("GET", "/v1/dead-letters", None, key)
    server.stop()
    keys = json.loads(run("homing", "keys", "--profiles", copy, "--json", "list"))
    return {"exports": exports, "changes": changes, "dead_letters": letters, "keys": keys}


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        few_tags(folder / "tags.toml")
        purchases(folder / "many.csv", [f"m{n}" for n in range(600)], 3)
        run("homing-train", "fit", "--purchases", folder / "many.csv", "--registry", folder / "registry", "--name", "shop",
            "--as-of", "2025-12-31")
        run("homing-train", "fit", "--purchases", folder / "many.csv", "--registry", folder / "registry", "--name", "shop",
            "--as-of", "2025-11-30", "--challenger")
        place = f"sqlite:{folder / 'profiles.db'}"
        key = fill(folder, place)
        base = sqlite3.connect(folder / "profiles.db")
        base.execute("PRAGMA page_size = 1024")
        base.execute("VACUUM INTO ?", [str(HERE / "store.sqlite")])
        base.close()
        (folder / "copy.db").write_bytes((HERE / "store.sqlite").read_bytes())
        write("store.sqlite.json", expected(folder, f"sqlite:{folder / 'copy.db'}", key))

        psql("postgres", "-c", "CREATE DATABASE old")
        key = fill(folder, f"{POSTGRES}/old")
        dump = subprocess.run(["pg_dump", f"{POSTGRES}/old", "--schema=homing", "--no-owner", "--rows-per-insert=100"],
                              capture_output=True, text=True, check=True).stdout
        # Newer versions of pg_dump write commands of psql.
        dump = "".join(line for line in dump.splitlines(keepends=True) if not line.startswith("\\"))
        (HERE / "store.postgres.sql").write_text(dump)
        psql("postgres", "-c", "CREATE DATABASE copy")
        psql("copy", "-f", HERE / "store.postgres.sql")
        write("store.postgres.json", expected(folder, f"{POSTGRES}/copy", key))


def write(name, document):
    (HERE / name).write_text(json.dumps(document, ensure_ascii=False) + "\n")


main()
