import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
import torch
import tsconv
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.networks import NETWORKS
from tsconv.training.batches import Batch
from tsconv.training.inference import infer_proba
from tsconv.training.precision import Arithmetic

torch.set_num_threads(1)
x, y = torch.randn(8, 1, 10), np.arange(8) % 2
if sys.argv[1] == "trained":
    settings = {"members": 1, "training.steps": 1, "network.options": {"depth": 1}}
    series = TimeSeriesDataset(X=x.numpy(), lengths=np.full(8, 10), y=y, classes=("a", "b"))
    tsconv.fit(series, tsconv.load_config("fast", settings=settings))
if sys.argv[1] == "predicted":
    network = NETWORKS.get("inception")(1, 2, depth=1).eval()
    infer_proba(network, Batch(x), Arithmetic(torch.device("cpu"), torch.float32, "asked for"))

before = resource.getrusage(resource.RUSAGE_SELF)
for mebibytes in range(1, 31):  # each more than what was freed before it
    torch.zeros(mebibytes << 18)
after = resource.getrusage(resource.RUSAGE_SELF)
print(after.ru_minflt - before.ru_minflt)
"""


def page_faults(way):
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, way], check=True, capture_output=True, text=True
    )
    return int(ran.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc's way to keep memory")
@pytest.mark.parametrize("way", ["trained", "predicted"])
def test_memory_that_is_freed_serves_the_tensors_to_come(way):
    pages = sum(range(1, 31)) * (1 << 20) // 4096

    if page_faults("as it comes") < pages / 2:
        pytest.skip("this system gives memory in pages of more than 4 KiB")
    assert page_faults(way) < pages / 5
