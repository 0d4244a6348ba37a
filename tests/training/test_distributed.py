"""Several processes train as one does; real ones, started by torchrun on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tsconv.errors import ConfigError
from tsconv.training.batches import Batch
from tsconv.training.distributed import ALONE, Place, Together, find_place

HERE = Path(__file__).parent
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
DEEP = {"training__steps": 20, "network__options__depth": 6, "network__options__n_filters": 8}
PATIENT = {
    "valid_fraction": 0.25,
    "training__epochs": 40,
    "training__lr": 0.3,
    "training__select": "valid_loss",
    "training__patience": 4,
    "training__schedule": "plateau",
    "training__plateau_patience": 1,
}
CASES = {
    f"{network}{'-unequal' * unequal}{'-double' * double}": {
        "network": network,
        "unequal": unequal,
        "double": double,
    }
    for network in ("inception", "tcn")
    for unequal in (False, True)
    for double in (False, True)
} | {
    "deep-double": {"network": "inception", "unequal": True, "double": True, "settings": DEEP},
    "patient-double": {"network": "inception", "double": True, "settings": PATIENT},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folders with what one process made of each case, and what two made of it."""
    path = os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    folders = []
    for start in ([sys.executable], TORCHRUN):
        folders.append(tmp_path_factory.mktemp("trained"))
        command = [*start, str(HERE / "together.py"), str(folders[-1]), json.dumps(CASES)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folders


def read_history(folder, case, rank=0):
    return json.loads((folder / f"{case}-{rank}.json").read_text())


def difference(state, other):
    return max((state[key] - other[key]).abs().max().item() for key in state | other)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_come_to_the_weights_and_losses_of_one(trained, case):
    alone, together = trained

    expected, history = load_file(alone / f"{case}-0.safetensors"), read_history(alone, case)
    tolerance = 1e-9 if CASES[case]["double"] else 1e-5
    for rank in range(2):
        assert difference(load_file(together / f"{case}-{rank}.safetensors"), expected) < tolerance
        for record, other in zip(read_history(together, case, rank), history, strict=True):
            assert record["train_loss"] == pytest.approx(other["train_loss"], rel=1e-5)
            assert (record["valid_loss"] or 0) == pytest.approx(other["valid_loss"] or 0, rel=1e-5)
            assert (record["lr"], record["step"]) == (other["lr"], other["step"])


@pytest.mark.parametrize("case", CASES)
def test_processes_hold_the_same_weights_bit_for_bit(trained, case):
    _, together = trained
    first, second = (load_file(together / f"{case}-{rank}.safetensors") for rank in range(2))

    assert difference(first, second) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads the names of threads from /proc")
@pytest.mark.parametrize("rank", range(2))
def test_no_thread_of_the_group_is_left_to_abort_the_process_at_its_end(trained, rank):
    threads = read_history(trained[1], "threads", rank)

    assert threads
    assert not [name for name in threads if "gloo" in name]


def test_patience_ends_all_processes_after_the_same_epoch(trained):
    _, together = trained

    histories = [read_history(together, "patient-double", rank) for rank in range(2)]

    assert len(histories[0]) < 40
    assert histories[0] == histories[1]


@pytest.mark.parametrize("size", [2, 3, 7])
@pytest.mark.parametrize("n_instances", [1, 2, 7, 20])
def test_shares_hold_each_series_once_in_order_or_all_hold_all(n_instances, size):
    data = Batch(x=torch.arange(20.0)[:, None, None], y=torch.zeros(20, dtype=torch.int64))
    positions = torch.randperm(20)[:n_instances]

    shares = [Together(Place(rank, size)).take(data, positions) for rank in range(size)]

    held = torch.cat([each.x.flatten() for each in shares]).tolist()
    sizes = [len(each) for each in shares]
    assert held == positions.tolist() * (size if n_instances < size else 1)
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 1
    assert sum(each.part for each in shares) == pytest.approx(1)
    assert {each.n_whole for each in shares} == {n_instances}


def test_without_torchrun_there_is_one_process_and_nothing_is_imported():
    program = (
        "import sys\n"
        "from tsconv.training.distributed import find_place, joined, told_elsewhere\n"
        "with joined() as group: assert group.is_first and not group.any(False)\n"
        "assert find_place().size == 1 and not told_elsewhere()\n"
        "assert 'torch' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)


def test_torchrun_s_variables_tell_the_place(monkeypatch):
    for name, value in (("RANK", 5), ("WORLD_SIZE", 8), ("LOCAL_RANK", 1), ("LOCAL_WORLD_SIZE", 4)):
        monkeypatch.setenv(name, str(value))

    assert find_place() == Place(rank=5, size=8, local_rank=1, local_size=4)
    assert Place(rank=0, size=1) == ALONE


@pytest.mark.parametrize("size", [None, "two"])
def test_a_rank_without_the_rest_is_refused(monkeypatch, size):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if size:
        monkeypatch.setenv("WORLD_SIZE", size)

    with pytest.raises(ConfigError, match=r"RANK=0 .* expected .* torchrun"):
        find_place()
