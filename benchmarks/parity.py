"""Is our `inception` the authors' network? With equal weights it must compute equal numbers.

The reference is aeon's InceptionNetwork in Keras, which keeps the graph of the authors' code
(https://github.com/hfawaz/InceptionTime) and runs on a current TensorFlow. Both networks get the
same random weights and series, on the processor. `make parity` runs this, which makes the
reference's environment first if need be, and writes the table to benchmarks/results/parity.txt.

Compared, as the largest difference:
    logits      in inference mode, with moving statistics
    training    logits in training mode, with the batch's statistics
    moving      batch norm's moving statistics after that, relative to the largest of each layer
                (the update of a variance, by n in Keras and n - 1 in PyTorch, is first made alike)
    gradient    of the cross-entropy, relative to the largest of each weight; in float64, since
                float32 rounding tips a ReLU here and there, on either side
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from peers import HERE, RESULTS, environment
from torch import nn

import tsconv
from tsconv.networks import NETWORKS, Network

TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 1e-6

Answer = dict[str, np.ndarray]


class Case(NamedTuple):
    """One shape of data on which both networks answer."""

    name: str
    n_channels: int
    n_classes: int
    n_timepoints: int
    n_instances: int = 16


CASES = (
    Case("a-univariate", n_channels=1, n_classes=2, n_timepoints=150),
    Case("b-multivariate", n_channels=6, n_classes=4, n_timepoints=100),
    Case("c-shorter-than-kernel", n_channels=3, n_classes=3, n_timepoints=24),
)


class Comparison(NamedTuple):
    """One case's parameter counts and differences."""

    case: Case
    ours: int
    theirs: int
    logits: float
    train_logits: float
    gradients: float
    statistics: float

    @property
    def passed(self) -> bool:
        """Whether all of it agrees."""
        differences = (self.logits, self.train_logits, self.statistics)
        return (
            self.ours == self.theirs
            and max(differences) <= TOLERANCE
            and self.gradients <= GRADIENT_TOLERANCE
        )


def layers_by_keras_name(network: Network) -> Iterator[tuple[str, list[torch.Tensor]]]:
    """Our tensors of each Keras layer, under its name and in the order of its own weights.

    Keras numbers layers in the order of their making, convolutions and batch norms apart. A kernel
    is (k, in, out) there and (out, in, k) here: its transpose.
    """
    convolutions: list[nn.Module] = []
    norms: list[nn.Module] = []
    for block in network.blocks:
        for module in block.modules_in_line:
            if module.bottleneck is not None:
                convolutions.append(module.bottleneck)
            convolutions += [*module.branches, module.pool_branch]
            norms.append(module.norm)
        convolutions.append(block.shortcut)
        norms.append(block.shortcut_norm)
    for k, each in enumerate(convolutions):
        yield f"conv1d_{k}" if k else "conv1d", [each.weight]
    for k, each in enumerate(norms):
        tensors = [each.weight, each.bias, each.running_mean, each.running_var]
        yield f"batch_normalization_{k}" if k else "batch_normalization", tensors
    yield "dense", [network.head.linear.weight, network.head.linear.bias]


def copy_weights(network: Network, answer: Answer) -> None:
    """Give our network the weights with which Keras answered; every one of them must be used."""
    unused = {name for name in answer if name.startswith("before/")}
    with torch.no_grad():
        for layer, tensors in layers_by_keras_name(network):
            for k, tensor in enumerate(tensors):
                tensor.copy_(torch.from_numpy(answer[f"before/{layer}/{k}"].T.copy()))
                unused.remove(f"before/{layer}/{k}")
    if unused:
        raise RuntimeError(f"weights of the Keras network without a place in ours: {unused}")


def compare(case: Case, inputs: Answer, theirs: Answer) -> Comparison:
    """Our answers to one case beside those of Keras."""
    network = NETWORKS.get("inception")(case.n_channels, case.n_classes)
    copy_weights(network, theirs)
    x, y = torch.from_numpy(inputs["x"]), torch.from_numpy(inputs["y"])
    with torch.inference_mode():
        logits = network.eval()(x)
        train_logits = network.train()(x)
    moved = max(statistic_distances(network, theirs, case.n_instances * case.n_timepoints))
    copy_weights(network.double(), theirs)
    backward(network, x.double(), y)
    return Comparison(
        case=case,
        ours=network.n_parameters,
        theirs=int(theirs["n_parameters"]),
        logits=distance(logits, theirs["logits"]),
        train_logits=distance(train_logits, theirs["train_logits"]),
        gradients=max(gradient_distances(network, theirs)),
        statistics=moved,
    )


def backward(network: Network, x: torch.Tensor, y: torch.Tensor) -> None:
    """Fill in the gradients in float64; the head is spelt out, as ours pools in float32."""
    pooled = network.train().features(x).mean(-1)
    linear = network.head.linear
    F.cross_entropy(F.linear(pooled, linear.weight, linear.bias), y).backward()


def gradient_distances(network: Network, theirs: Answer) -> Iterator[float]:
    """Each weight's largest gradient difference, as a share of its largest gradient."""
    for layer, tensors in layers_by_keras_name(network):
        for k, tensor in enumerate(each for each in tensors if each.requires_grad):
            expected = theirs[f"gradient/{layer}/{k}"].T
            yield relative_distance(tensor.grad, expected)


def statistic_distances(network: Network, theirs: Answer, n: int) -> Iterator[float]:
    """Each moving mean's and variance's largest difference, as a share of its largest value."""
    for layer, tensors in layers_by_keras_name(network):
        if layer.startswith("batch_normalization"):
            *_, mean, var = tensors
            yield relative_distance(mean, theirs[f"after/{layer}/2"])
            before, after = theirs[f"before/{layer}/3"], theirs[f"after/{layer}/3"]
            yield relative_distance(var, after + (after - 0.99 * before) / (n - 1))


def distance(ours: torch.Tensor, theirs: np.ndarray) -> float:
    """Largest absolute difference; nan, which passes nothing, if either has one."""
    return float(np.abs(ours.detach().numpy() - theirs).max())


def relative_distance(ours: torch.Tensor, theirs: np.ndarray) -> float:
    """Largest absolute difference, as a share of the largest value."""
    return distance(ours, theirs) / float(np.abs(theirs).max())


def draw_inputs(case: Case, seed: int) -> Answer:
    """Random series with a trend in time, and labels."""
    generator = np.random.default_rng(seed)
    walks = generator.normal(size=(case.n_instances, case.n_channels, case.n_timepoints))
    x = (walks + 0.2 * walks.cumsum(axis=-1)).astype(np.float32)
    y = np.arange(case.n_instances) % case.n_classes
    return {"x": x, "y": y, "n_classes": np.array(case.n_classes)}


def ask_keras(python: Path, inputs: dict[str, Answer]) -> dict[str, Answer]:
    """The reference's answers, from a process in its own environment."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case, arrays in inputs.items():
            np.savez(folder / f"{case}.npz", **arrays)
        program = [os.fspath(python), os.fspath(HERE / "parity_keras.py"), name]
        subprocess.run(program, check=True)
        return {case: dict(np.load(folder / f"{case}.keras.npz")) for case in inputs}


def render(comparisons: list[Comparison], versions: str) -> str:
    """The table that is printed and kept."""
    lines = [
        f"Inception network with equal weights, float32: tsconv {tsconv.__version__} "
        f"(torch {torch.__version__.partition('+')[0]}) against {versions}",
        f"Largest difference allowed: {TOLERANCE:g}; of gradients, in float64, "
        f"{GRADIENT_TOLERANCE:g}.",
        "",
        f"{'case':<22} {'N':>3} {'C':>2} {'L':>4} {'K':>2} {'parameters':>10} {'theirs':>8} "
        f"{'logits':>8} {'training':>8} {'moving':>8} {'gradient':>8}  result",
    ]
    for each in comparisons:
        case = each.case
        lines.append(
            f"{case.name[2:]:<22} {case.n_instances:>3} {case.n_channels:>2} "
            f"{case.n_timepoints:>4} {case.n_classes:>2} {each.ours:>10,} {each.theirs:>8,} "
            f"{each.logits:>8.1e} {each.train_logits:>8.1e} {each.statistics:>8.1e} "
            f"{each.gradients:>8.1e}  {'pass' if each.passed else 'FAIL'}"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Compare every case, print the table, keep it; 1 if any of it differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=RESULTS / "parity.txt")
    options = parser.parse_args()
    inputs = {case.name: draw_inputs(case, seed) for seed, case in enumerate(CASES)}
    theirs = ask_keras(environment("aeon"), inputs)
    found = [compare(case, inputs[case.name], theirs[case.name]) for case in CASES]
    table = render(found, str(theirs[CASES[0].name]["versions"]))
    print(table, end="")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(table, "utf-8")
    return 0 if all(each.passed for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
