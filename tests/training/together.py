"""What each of several processes does in the tests of distributed.py: trains, and tells the end.

Started by torchrun, or by itself as one process; writes weights and history below the folder given.
"""

import json
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
from safetensors.torch import save_file
from toy import make_config, make_toy_dataset

from tsconv.classifier import Preparation, fit_members, prepare
from tsconv.training.distributed import joined


def make_case(network, case):
    """A set and a config; 19 series in batches of 9 make uneven shares and a last batch of one."""
    settings = {
        "training__batch_size": 9,
        "training__class_weight": "balanced",
        "training__label_smoothing": 0.1,
        "training__clip_norm": 0.5,
        "training__settle_statistics": True,
        **case.get("settings", {"training__steps": 20}),
    }
    dataset = make_toy_dataset(19, 2, unequal=case.get("unequal", False))
    weights = np.linspace(0.5, 1.5, 19, dtype=np.float32)
    return replace(dataset, weights=weights), make_config(network, **settings)


class InDouble(Preparation):
    """A preparation whose networks compute in float64, the head's pooling too."""

    def build_network(self):
        network = super().build_network().double()
        network.head.pool = mean_in_double
        return network


def mean_in_double(features, lengths):
    total = features.sum(-1)
    return total / (features.shape[-1] if lengths is None else lengths[:, None])


def in_double(preparation):
    parts = {each.name: getattr(preparation, each.name) for each in fields(preparation)}
    for name in ("data", "valid"):
        if (data := parts[name]) is not None:
            parts[name] = replace(data, x=data.x.double(), weights=data.weights.double())
    parts["class_weights"] = parts["class_weights"].double()
    return InDouble(**parts)


def main(folder, cases):
    with joined() as group:
        for name, case in json.loads(cases).items():
            dataset, config = make_case(case["network"], case)
            preparation = prepare(dataset, config, group=group)
            if case.get("double"):
                preparation = in_double(preparation)
            (member,) = fit_members(preparation, [0])
            rank = group.place.rank
            save_file(member.network.state_dict(), folder / f"{name}-{rank}.safetensors")
            history = [{**asdict(each), "seconds": 0} for each in member.history]
            (folder / f"{name}-{rank}.json").write_text(json.dumps(history))
    (folder / f"threads-{rank}.json").write_text(json.dumps(list_threads()))


def list_threads():
    """The names of this process's threads, also of those that are not Python's."""
    return [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
