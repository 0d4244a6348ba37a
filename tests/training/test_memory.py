import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import torch
from tsconv.training.memory import keep_freed_memory

torch.set_num_threads(1)
if sys.argv[1] == "kept":
    keep_freed_memory()

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
def test_memory_that_is_freed_serves_the_tensors_to_come():
    pages = sum(range(1, 31)) * (1 << 20) // 4096

    if page_faults("as it comes") < pages / 2:
        pytest.skip("this system gives memory in pages of more than 4 KiB")
    assert page_faults("kept") < pages / 5
