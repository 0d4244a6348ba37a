"""Convert: any format to any other, in bounded memory; and training from what it wrote."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from toy import make_config, make_toy_dataset

from tsconv.classifier import fit
from tsconv.data.dataset import from_series
from tsconv.data.format import FORMATS, Schema, read_file, write_file
from tsconv.data.formats import npz
from tsconv.errors import ConfigError, RunError, UnknownNameError
from tsconv.workflows.convert import convert
from tsconv.workflows.inspect import inspect
from tsconv.workflows.read import read
from tsconv.workflows.train import train

BOUNDED = """
import sys
from pathlib import Path
from tsconv.classifier import fit
from tsconv.config import load_config
from tsconv.data.format import read_file
from tsconv.data.formats import npz

npz.MAPPED_BYTES = int(sys.argv[2])
dataset = read_file(Path(sys.argv[1]))
settings = {"network.name": "tcn", "network.options.width": 4, "network.options.levels": 1,
            "members": 1, "training.steps": 3, "training.settle_statistics": False}
classifier = fit(dataset, load_config(settings=settings))
status = Path("/proc/self/status").read_text()
print(int(status.partition("RssAnon:")[2].split()[0]))
"""


@pytest.mark.parametrize("suffix", [FORMATS.get(name).suffixes[0] for name in FORMATS.names()])
def test_every_format_becomes_npz_and_npz_becomes_it(tmp_path, suffix):
    series = [np.sin(np.arange(12.0) * k)[None] + k for k in range(1, 7)]
    dataset = from_series(series, ["1", "1.0", "normal"] * 2)
    source, there, back = (tmp_path / name for name in (f"a{suffix}", "b.npz", f"c{suffix}"))
    write_file(source, dataset)

    done = convert(source, there)
    convert(there, back)

    assert (done.n_instances, done.n_channels, done.n_timepoints) == (6, 1, 12)
    assert done.classes == ("1", "1.0", "normal")
    for path in (there, back):
        assert read_file(path).fingerprint() == dataset.fingerprint()
    assert len(list(tmp_path.iterdir())) == 3


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    source = tmp_path / "a.csv"
    write_file(source, from_series([np.ones((1, 3))] * 2, ["a", "b"]))

    with pytest.raises(ConfigError, match="is the file to convert"):
        convert(source, source)
    with pytest.raises(UnknownNameError, match=r"\.xyz"):
        convert(source, tmp_path / "a.xyz")
    with pytest.raises(RunError, match="cannot be written"):
        convert(source, source / "b.npz")
    assert list(tmp_path.iterdir()) == [source]


def test_columns_named_of_a_file_without_are_refused(tmp_path):
    write_file(tmp_path / "toy.ts", make_toy_dataset())

    with pytest.raises(ConfigError, match="found --label nosuch"):
        convert(tmp_path / "toy.ts", tmp_path / "toy.csv", schema=Schema(label="nosuch"))
    with pytest.raises(ConfigError, match="found --label nosuch"):
        read(tmp_path / "toy.ts", label="nosuch")


@pytest.mark.parametrize("scale", ["none", "series", "channel"])
@pytest.mark.parametrize(("unequal", "missing"), [(False, False), (True, True)])
def test_training_from_the_file_gives_the_very_weights_of_training_in_memory(
    tmp_path, monkeypatch, scale, unequal, missing
):
    write_file(tmp_path / "toy.npz", make_toy_dataset(40, 2, unequal=unequal, missing=missing))
    config = make_config(preprocessing__scale=scale, valid_fraction=0.25)
    held = read_file(tmp_path / "toy.npz")
    monkeypatch.setattr(npz, "MAPPED_BYTES", 0)
    stored = read_file(tmp_path / "toy.npz")

    from_memory, from_file = fit(held, config), fit(stored, config)

    assert stored.is_on_disk
    assert not held.is_on_disk
    (one,), (other,) = from_memory.members, from_file.members
    others = other.network.state_dict()
    assert all(torch.equal(each, others[name]) for name, each in one.network.state_dict().items())
    assert np.array_equal(from_memory.predict_proba(held), from_file.predict_proba(stored))


def test_a_set_on_disk_is_inspected_and_trained_as_one_in_memory(tmp_path, monkeypatch):
    write_file(tmp_path / "Toy_TRAIN.npz", make_toy_dataset(unequal=True, missing=True))
    write_file(tmp_path / "Toy_TEST.npz", make_toy_dataset(seed=1, unequal=True, missing=True))
    config = make_config(valid_fraction=0.25)

    def both(name):
        found = inspect(tmp_path, config).to_dict()
        assert (found["plan"].pop("against_replay") is None) == (name == "memory")
        found["plan"].pop("memory_gb")
        return found, train(tmp_path, config, out=tmp_path / name).test.to_dict()["metrics"]

    in_memory = both("memory")
    monkeypatch.setattr(npz, "MAPPED_BYTES", 0)

    assert both("disk") == in_memory


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_a_set_on_disk(tmp_path):
    path, n_bytes = tmp_path / "big.npz", 200 * 2**20
    X = np.random.default_rng(0).standard_normal((n_bytes // 4000, 1, 1000), dtype=np.float32)
    np.savez(path, X=X, y=np.arange(len(X)) % 2)

    held = [
        int(subprocess.check_output([sys.executable, "-c", BOUNDED, path, str(mapped)]))
        for mapped in (0, 2**40)
    ]

    assert held[1] - held[0] > 0.8 * n_bytes / 1024
