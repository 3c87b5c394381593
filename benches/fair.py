#!/usr/bin/env python3
"""Reads beside bulk intake, and memory after a burst, of one `homing serve`.

    benches/fair.py FOLDER_WITH_PROGRAMS [CUSTOMERS]      (default 20000; Python 3, Linux, no packages)

Makes a shop, trains, scores it into SQLite, serves it, and prints
  * p50 and p99 of `GET /v1/profiles/{id}` alone, and beside 24 connections that each send 500 events a request without pause;
  * the resident memory at rest, after two minutes of mixed load (those writers, lists, predictions), and a minute later.
Both are compared within one run, so other work on the machine matters less.
"""
import http.client, json, multiprocessing, os, random, statistics, subprocess, sys, tempfile, threading, time

WRITERS, EVENTS, MEASURE_S, LOAD_S, REST_S = 24, 500, 20, 120, 60


def run(*command, cwd):
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def ask(connection, method, path, body=None):
    headers = {"content-type": "application/json"} if body else {}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    response.read()
    return response.status


def reads(port, ids, seconds, out):
    connection, times, until = http.client.HTTPConnection("127.0.0.1", port), [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        status = ask(connection, "GET", f"/v1/profiles/{random.choice(ids)}")
        times.append(time.perf_counter() - began)
        assert status == 200, status
        time.sleep(0.002)
    times.sort()
    out.put((len(times), statistics.median(times), times[int(len(times) * 0.99)]))


def writers(port, ids, stop, mixed, sent):
    def write(number):
        connection, turn = http.client.HTTPConnection("127.0.0.1", port, timeout=60), 0
        dice = random.Random(number)
        while not stop.is_set():
            turn += 1
            event = '{"event_id":"b%d-%d-%d-%d","customer_id":"%s","occurred_at":"2025-06-20","amount":%d}'
            tag = os.getpid()
            events = [event % (tag, number, turn, n, dice.choice(ids), n % 90 + 1) for n in range(EVENTS)]
            try:
                status = ask(connection, "POST", "/v1/events", '{"events":[' + ",".join(events) + "]}")
                with sent.get_lock():
                    sent[0 if status == 200 else 1] += 1
                if mixed and turn % 4 == 0:
                    ask(connection, "GET", f"/v1/profiles?limit=1000&sort=customer_id&id_prefix={dice.choice(ids)[:2]}")
                if mixed and turn % 4 == 1:
                    buys = [{"occurred_at": "2025-05-%02d" % (n % 28 + 1), "amount": n + 1} for n in range(30)]
                    people = [{"customer_id": f"p{n}", "events": buys} for n in range(100)]
                    ask(connection, "POST", "/v1/predictions", json.dumps({"customers": people}))
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]


def under_load(port, ids, mixed, work):
    stop, sent = multiprocessing.Event(), multiprocessing.Array("l", 2)
    process = multiprocessing.Process(target=writers, args=(port, ids, stop, mixed, sent))
    process.start()
    time.sleep(2)
    result = work()
    stop.set()
    process.join()
    print(f"  requests of {EVENTS} events: {sent[0]} taken, {sent[1]} refused")
    return result


def measured(port, ids):
    out = multiprocessing.Queue()
    process = multiprocessing.Process(target=reads, args=(port, ids, MEASURE_S, out))
    process.start()
    result = out.get()
    process.join()
    return result


def memory(pid):
    with open(f"/proc/{pid}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def main():
    programs, customers = os.path.abspath(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "20000"
    homing, train = os.path.join(programs, "homing"), os.path.join(programs, "homing-train")
    with tempfile.TemporaryDirectory() as folder:
        run(homing, "simulate", "--customers", customers, "--days", "700", "--out", "chain", cwd=folder)
        run(homing, "simulate", "--customers", "1500", "--days", "700", "--out", "small", cwd=folder)
        run(train, "fit", "--purchases", "small/events", "--registry", "registry", "--name", "shop", cwd=folder)
        run(homing, "score", "--purchases", "chain/events", "--registry", "registry", "--profiles", "sqlite:p.db", cwd=folder)
        server = subprocess.Popen([homing, "serve", "--registry", "registry", "--profiles", "sqlite:p.db", "--listen", "127.0.0.1:0"],
                                  cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            port = int(server.stdout.readline().strip().rsplit(":", 1)[1])
            connection, ids, cursor = http.client.HTTPConnection("127.0.0.1", port), [], ""
            while cursor is not None and len(ids) < 20_000:
                connection.request("GET", f"/v1/profiles?sort=customer_id&limit=1000&fields=history.orders{cursor}")
                page = json.loads(connection.getresponse().read())
                ids += [one["customer_id"] for one in page["profiles"]]
                cursor = f"&cursor={page['next']}" if page["next"] else None
            connection.close()
            time.sleep(10)
            rest = memory(server.pid)
            count, idle50, idle99 = measured(port, ids)
            print(f"GET alone:    {count} reads, p50 {idle50 * 1e3:.2f} ms, p99 {idle99 * 1e3:.2f} ms")
            count, p50, p99 = under_load(port, ids, False, lambda: measured(port, ids))
            print(f"GET beside {WRITERS} writers: {count} reads, p50 {p50 * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms")
            print(f"ratio: p50 {p50 / idle50:.1f}, p99 {p99 / idle99:.1f}")

            def load():
                time.sleep(LOAD_S)
                return memory(server.pid)

            busy = under_load(port, ids, True, load)
            time.sleep(REST_S)
            after = memory(server.pid)
            print(f"RSS: {rest:.0f} MB at rest, {busy:.0f} MB under load, {after:.0f} MB a minute later; ratio {after / rest:.1f}")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
