"""The service that people build today: FastAPI and uvicorn around LightGBM, given finished features.

python service.py PORT: fits a booster of the size of homing's (see TREES and LEAVES) on random numbers, for speed alone, prints
`ready`, and serves POST /predict {"features": [[...100 numbers...]]} for one customer.
"""

import sys

import lightgbm
import numpy
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

FEATURES, TREES, LEAVES = 100, 100, 31


class Request(BaseModel):
    features: list[list[float]]


def fitted(objective: str) -> lightgbm.Booster:
    random = numpy.random.default_rng(1)
    rows = random.normal(size=(20_000, FEATURES))
    target = rows[:, :5].sum(axis=1) + random.normal(size=20_000)
    label = (target > 0).astype(float) if objective == "binary" else numpy.exp(target / 3)
    settings = {"objective": objective, "num_leaves": LEAVES, "num_threads": 1, "verbose": -1}
    return lightgbm.train(settings, lightgbm.Dataset(rows, label), num_boost_round=TREES)


# A probability and a spend for each of three horizons, as homing has them.
MODELS = [fitted(objective) for objective in ("binary", "gamma") for _ in range(3)]
app = FastAPI()


@app.post("/predict")
async def predict(request: Request) -> dict:
    rows = numpy.asarray(request.features)
    return {"predictions": [model.predict(rows, num_threads=1).tolist() for model in MODELS]}


if __name__ == "__main__":
    print("ready", flush=True)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
