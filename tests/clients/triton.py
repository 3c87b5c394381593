"""Scores feature rows through the Open Inference Protocol with NVIDIA's client, as JSON and as binary tensors."""
import sys

import numpy as np
import tritonclient.http as triton

url, key = sys.argv[1].removeprefix("http://"), sys.argv[2]
headers = {"Authorization": f"Bearer {key}"}
client = triton.InferenceServerClient(url)
assert client.is_server_live(headers) and client.is_server_ready(headers)
assert client.is_model_ready("shop", headers=headers)
about = client.get_model_metadata("shop", headers=headers)
assert client.get_server_metadata(headers)["name"] == "homing"
version = about["versions"][0]
values = {}
for binary in (False, True):
    inputs = []
    for told in about["inputs"]:
        rows = np.full((3, *[abs(size) for size in told["shape"][1:]]), 1.0)
        if told["datatype"] == "BYTES":
            rows = rows.astype(str).astype(object)
        else:
            rows = rows.astype(triton_type := {"FP64": np.float64, "FP32": np.float32, "INT64": np.int64}[told["datatype"]])
        one = triton.InferInput(told["name"], list(rows.shape), told["datatype"])
        one.set_data_from_numpy(rows, binary_data=binary)
        inputs.append(one)
    outputs = [triton.InferRequestedOutput(told["name"], binary_data=binary) for told in about["outputs"] if told["datatype"] != "BYTES"]
    for wanted in ("", version):
        answer = client.infer("shop", inputs, model_version=wanted, outputs=outputs, headers=headers)
        values[binary, wanted] = {one.name(): answer.as_numpy(one.name()) for one in outputs}
first = values[False, ""]
assert first and all(len(value) == 3 for value in first.values())
for other in values.values():
    for name, value in other.items():
        np.testing.assert_array_equal(value, first[name])
try:
    client.infer("nobody", inputs, headers=headers)
    raise SystemExit("an unknown model was scored")
except triton.InferenceServerException as error:
    assert "nobody" in str(error) or "model" in str(error), error
print(f"{len(first)} outputs of shop@{version}: the same as JSON and binary, with and without a version")
