"""What other boosters do with the data that benches/boosting.rs wrote; prints one JSON object.

python boosting.py fit DIR ROWS TEST_ROWS FEATURES THREADS   LightGBM: fit, and score the test rows
python boosting.py model DIR ROWS FEATURES                   LightGBM: fit 500 trees for `predict`
python boosting.py predict DIR TEST_ROWS FEATURES            LightGBM, lleaves, onnxruntime: rows a second

DIR holds x.f32, y.f32, tx.f32, ty.f32 (little-endian, row after row). `model` leaves DIR/model.txt, and
`predict` reads it. A library that is not installed is left out.
"""
import json
import os
import resource
import sys
import time

# One thread unless the library is told otherwise: the process's CPU time is then the library's.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np


def matrix(path, columns):
    return np.fromfile(path, dtype="<f4").reshape(-1, columns)


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def log_loss(y, p):
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def auc(y, p):
    order = np.argsort(p, kind="stable")
    _, inverse, counts = np.unique(p[order], return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = np.empty(len(p))
    ranks[order] = (ends - (counts - 1) / 2)[inverse]
    positive = y.sum()
    return float((ranks[y == 1].sum() - positive * (positive + 1) / 2) / (positive * (len(y) - positive)))


def train(lgb, x, y, trees, threads):
    params = dict(objective="binary", num_leaves=31, learning_rate=0.1, max_bin=255, min_data_in_leaf=20,
                  lambda_l2=1.0, num_threads=threads, verbose=-1, seed=1)
    return lgb.train(params, lgb.Dataset(x, y), num_boost_round=trees)


def model(folder, rows, features):
    import lightgbm as lgb

    x = matrix(folder + "/x.f32", features)[:rows]
    y = np.fromfile(folder + "/y.f32", dtype="<f4")[:rows]
    train(lgb, x, y, 500, 2).save_model(folder + "/model.txt")
    return {}


def fit(folder, rows, test_rows, features, threads):
    import lightgbm as lgb

    x = matrix(folder + "/x.f32", features)[:rows]
    y = np.fromfile(folder + "/y.f32", dtype="<f4")[:rows]
    before, started, used = resident_mb(), time.perf_counter(), cpu()
    model = train(lgb, x, y, 300, threads)
    out = dict(cpu_s=cpu() - used, wall_s=time.perf_counter() - started, peak_mb=peak_mb() - before)
    tx = matrix(folder + "/tx.f32", features)[:test_rows]
    ty = np.fromfile(folder + "/ty.f32", dtype="<f4")[:test_rows]
    p = model.predict(tx, num_threads=1)
    out.update(auc=auc(ty, p), log_loss=log_loss(ty, p))
    return out


def timed(work, least=1.0):
    """CPU seconds of one call, over calls that take at least so long together, after one to warm up."""
    work()
    calls, used = 0, cpu()
    while cpu() - used < least:
        work()
        calls += 1
    return (cpu() - used) / calls


def predict(folder, test_rows, features):
    import lightgbm as lgb

    out = {}
    x = matrix(folder + "/tx.f32", features)[:test_rows]
    path = folder + "/model.txt"
    model = lgb.Booster(model_file=path)
    wide = np.ascontiguousarray(x, dtype=np.float64)
    out["lightgbm_batch_us"] = timed(lambda: model.predict(wide, num_threads=1)) / len(x) * 1e6
    out["lightgbm_single_us"] = single(lgb, model, wide)
    try:
        import lleaves

        compiled = lleaves.Model(model_file=path)
        compiled.compile()
        out["lleaves_batch_us"] = timed(lambda: compiled.predict(wide, n_jobs=1)) / len(x) * 1e6
    except ImportError:
        pass
    try:
        import onnxruntime
        from onnxmltools.convert import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        graph = convert_lightgbm(model, initial_types=[("x", FloatTensorType([None, features]))], zipmap=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
        row = x[:1].copy()

        def one():
            for _ in range(1000):
                session.run(None, {"x": row})

        out["onnxruntime_single_us"] = timed(one) / 1000 * 1e6
        out["onnxruntime_batch_us"] = timed(lambda: session.run(None, {"x": x})) / len(x) * 1e6
    except ImportError:
        pass
    return out


def single(lgb, model, wide):
    """Microseconds a row of LightGBM's fast C entry for single rows, the call from Python taken away."""
    import ctypes

    lib = lgb.basic._LIB
    columns = wide.shape[1]
    handle = ctypes.c_void_p()
    code = lib.LGBM_BoosterPredictForMatSingleRowFastInit(
        model._handle, ctypes.c_int(0), ctypes.c_int(0), ctypes.c_int(-1), ctypes.c_int(1),
        ctypes.c_int32(columns), ctypes.c_char_p(b"num_threads=1"), ctypes.byref(handle))
    if code != 0:
        raise RuntimeError("LGBM_BoosterPredictForMatSingleRowFastInit failed")
    length, result = ctypes.c_int64(), (ctypes.c_double * 1)()
    rows = [ctypes.c_void_p(wide[i].ctypes.data) for i in range(1000)]
    length_at = ctypes.byref(length)

    def each():
        for row in rows:
            lib.LGBM_BoosterPredictForMatSingleRowFast(handle, row, length_at, result)

    def nothing():
        for row in rows:
            lib.LGBM_FastConfigFree  # The same loop and look-up without the call.
            ctypes.byref(length)

    return (timed(each) - timed(nothing)) / 1000 * 1e6


if __name__ == "__main__":
    what, folder, *numbers = sys.argv[1:]
    print(json.dumps({"fit": fit, "model": model, "predict": predict}[what](folder, *map(int, numbers))))
