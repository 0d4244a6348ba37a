"""A benchmark's plan: what is crossed with what, and the cells that come of it.

A plan is TOML, or flags of the same names::

    datasets = ["GunPoint", "ArrowHead"]    # groups too, such as "ucr112"
    traits = []         # what sets must have, or lack: "univariate", "no-missing"
    networks = ["inception", "tcn"]
    recipes = ["fast"]
    members = [5]
    resamples = [0]     # 0: the archive's split; others are drawn, stratified
    seeds = [0]
    [settings]          # on top of each recipe
    training.device = "cpu"
"""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tsconv.config import Config, dotted, load_config, read_toml
from tsconv.data.archive import absent, is_offline, locate
from tsconv.data.catalogue import Entry, find_entries, groups, select
from tsconv.data.layouts import DataSource
from tsconv.errors import ConfigError, UnknownNameError
from tsconv.registry import did_you_mean
from tsconv.workflows.cell import Cell

LEAST = {"members": 1, "resamples": 0, "seeds": 0}
"""Entries that hold whole numbers, and the least of each."""
FILLED = ("networks", "recipes", *LEAST)
"""Entries of which no cell comes where they are empty; no datasets are told of for themselves."""
CROSSED = {
    "recipe": "recipes",
    "members": "members",
    "seed": "seeds",
    "network.name": "networks",
    "network": "networks",
}
"""Settings that entries of a plan give, and which."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Every combination of these is a cell.

    Attributes:
        datasets: names of sets, groups of sets, files or folders.
        traits: what sets must have, or lack where it begins with ``no-``, to be taken.
        networks: registered names.
        recipes: presets.
        members: sizes of the ensembles.
        resamples: 0 for a set's own split, else seeds that draw others.
        seeds: of the ensembles.
        settings: on top of each recipe, as in ``--config``.
    """

    datasets: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    networks: tuple[str, ...] = ("inception",)
    recipes: tuple[str, ...] = ("fast",)
    members: tuple[int, ...] = (5,)
    resamples: tuple[int, ...] = (0,)
    seeds: tuple[int, ...] = (0,)
    settings: dict[str, Any] = field(default_factory=dict)


def read_plan(file: Path | None = None, flags: Mapping[str, Any] | None = None) -> Plan:
    """A plan from a TOML file, what flags give taking the place of what the file says.

    Raises:
        ConfigError: no TOML, an unknown key, a value of another type, settings that do not hold,
            or no datasets.
        UnknownNameError: no recipe of that name.
    """
    given = {} if file is None else read_toml(file)
    given |= {name: value for name, value in (flags or {}).items() if value}
    where = "" if file is None else f"{file}: "
    kinds = {each.name: each.default for each in dataclasses.fields(Plan)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in kinds:
            hint = did_you_mean(name, kinds)
            raise ConfigError(f"{where}unknown entry {name!r}{hint}; known: {', '.join(kinds)}")
        values[name] = _checked(where, name, value)
    if not values.get("datasets"):
        raise ConfigError(f"{where}expected datasets, found none; name some, such as GunPoint")
    plan = Plan(**values)
    try:
        _configs(plan)
    except ConfigError as error:
        raise ConfigError(f"{where}settings: {error}") from error
    except UnknownNameError as error:
        in_file = "" if flags and flags.get("recipes") else where
        raise UnknownNameError(f"{in_file}{error}") from error
    return plan


def make_cells(plan: Plan) -> tuple[Cell, ...]:
    """Each combination once, its config resolved and its data known, if not downloaded yet.

    Raises:
        UnknownNameError: a set, recipe or network that is not there.
        ConfigError: a setting that does not hold, or two sets of one name.
    """
    names = _names(choose_data(plan))
    cells = (
        Cell(dataset=name, data=data, config=config, resample=resample)
        for (data, name), config, resample in itertools.product(
            names.items(), _configs(plan), plan.resamples
        )
    )
    return tuple({cell.name: cell for cell in cells}.values())


def _configs(plan: Plan) -> list[Config]:
    """Those of a set's cells on one split."""
    ensembles = itertools.product(plan.networks, plan.recipes, plan.members, plan.seeds)
    return [
        load_config(
            recipe,
            settings={
                **dotted(plan.settings),
                "network.name": network,
                "members": members,
                "seed": seed,
            },
        )
        for network, recipe, members, seed in ensembles
    ]


def choose_data(plan: Plan) -> tuple[str, ...]:
    """The data of a plan, groups as their sets, and only sets that have the traits.

    Raises:
        UnknownNameError: a trait that there is not, or one asked of data that are no archive set.
        ConfigError: no set has them.
    """
    known = groups()
    data = [each for name in plan.datasets for each in known.get(name.lower(), (name,))]
    if plan.traits:
        data = [entry.name for entry in select(find_entries(data), traits=plan.traits)]
        if not data:
            wanted = ", ".join(plan.traits)
            raise ConfigError(f"traits: expected a set that has {wanted}, found none")
    return tuple(dict.fromkeys(data))


def _names(data: Iterable[str]) -> dict[str, str]:
    """What each set is called, by what it was asked for; one that is asked for twice once."""
    if is_offline() and len(missing := absent(data)) > 1:
        first = ", ".join(entry.name for entry in missing[:5])
        raise UnknownNameError(
            f"expected all sets on this machine, as nothing may be downloaded; {len(missing)} are "
            f"not here: {first}{', ...' if len(missing) > 5 else ''}; fetch them beforehand, where "
            "there is a network: tsconv datasets fetch NAMES, or --plan PLAN.toml"
        )
    found: dict[str, tuple[str, DataSource | Entry]] = {}
    for each in data:
        place = locate(each)
        before = found.setdefault(place.name, (each, place))
        if before[1] != place:
            raise ConfigError(f"datasets: {before[0]} and {each} are both called {place.name}")
    return {each: name for name, (each, _) in found.items()}


def _checked(where: str, name: str, value: Any) -> Any:
    """``value`` as the plan holds it, one value standing for a list of one."""
    if name == "settings":
        return _checked_settings(where, value)
    least = LEAST.get(name)
    words = "names" if least is None else f"whole numbers from {least}"
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not values and name in FILLED:
        raise ConfigError(
            f"{where}{name}: expected {words}, found none; name some, or leave the entry out"
        )
    for each in values:
        if not (type(each) is str if least is None else type(each) is int and each >= least):
            raise ConfigError(f"{where}{name}: expected {words}, found {each!r}")
    return tuple(dict.fromkeys(values))


def _checked_settings(where: str, value: Any) -> dict[str, Any]:
    """The table of settings, without those that the plan's own entries would take the place of."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}settings: expected a table, found {value!r}")
    for name in dotted(value):
        if name in CROSSED:
            raise ConfigError(
                f"{where}settings.{name}: is an entry of the plan itself, {CROSSED[name]} = [...]; "
                "give it there, above [settings]"
            )
    return dict(value)
