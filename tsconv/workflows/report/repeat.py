"""The command that repeats a run: as it was given or, where none was, from the run's settings."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

from tsconv.config import dotted, load_config, to_dict
from tsconv.workflows.outcome import Outcome

FLAGS = ("network.name", "recipe", "members", "seed", "valid_fraction")
"""Settings that the command written from settings gives as flags, or not at all."""


def repeating_command(outcome: Outcome) -> str:
    """What to type to train the run again, as a shell takes it.

    Of several commands that trained a run, member by member, it is the first without its --member.
    """
    program, *arguments = outcome.environment.get("command") or [""]
    name = Path(program).name
    if name in ("tsconv", "__main__.py") and "train" in arguments:
        return shlex.join(["tsconv", *_without_member(arguments)])
    if name.endswith(".py") and name != "worker.py":
        return shlex.join(["python", program, *arguments])
    return shlex.join(_from_settings(outcome))


def _without_member(arguments: list[str]) -> Iterator[str]:
    words = iter(arguments)
    for word in words:
        if word == "--member":
            next(words, None)
        elif not word.startswith("--member="):
            yield word


def _from_settings(outcome: Outcome) -> list[str]:
    """`tsconv train` with all in which the run's settings differ from its recipe's."""
    config = outcome.classifier.config
    words = ["tsconv", "train", outcome.data.given or outcome.data.name]
    words += ["--recipe", config.recipe, "--network", config.network.name]
    words += ["--members", str(config.members), "--seed", str(config.seed)]
    if outcome.data.resample:
        words += ["--resample", str(outcome.data.resample)]
    if config.valid_fraction:
        words += ["--valid-fraction", f"{config.valid_fraction:g}"]
    usual = dotted(
        to_dict(load_config(config.recipe, settings={"network.name": config.network.name}))
    )
    for key, value in dotted(to_dict(config)).items():
        if key not in FLAGS and (key not in usual or usual[key] != value):
            words += ["--set", f"{key}={'none' if value is None else json.dumps(value)}"]
    return words
