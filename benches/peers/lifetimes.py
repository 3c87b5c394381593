"""Fits lifetimes' BG/NBD or Pareto/NBD to a file of customers and prints what came out as one line of JSON.

`python lifetimes.py MODEL FILE`: MODEL is `bg` or `pareto`, FILE holds little-endian f64 triples (x, t_x, T).
Only the fit is timed, not the reading. Called by `cargo bench --bench lifetimes`.
"""

import json
import sys
import time

# This file has the package's name: look for the package elsewhere than beside it.
sys.path.pop(0)

import lifetimes  # noqa: E402
import numpy as np  # noqa: E402

model, path = sys.argv[1:]
customers = np.fromfile(path, dtype="<f8").reshape(-1, 3)
x, t_x, age = (np.ascontiguousarray(column) for column in customers.T)
fitter = lifetimes.BetaGeoFitter() if model == "bg" else lifetimes.ParetoNBDFitter()
wall, cpu = time.perf_counter(), time.process_time()
fitter.fit(x, t_x, age)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps({
    "version": lifetimes.__version__,
    "wall_s": wall,
    "cpu_s": cpu,
    "parameters": [float(value) for value in fitter.params_],
}))
