"""What a site wants of a job: options of sbatch, modules, variables; from one TOML file.

The file holds a table a profile, ``default`` unless another is asked for::

    [default]
    partition = "cpu"                 # any long option of sbatch, without its dashes
    time = "4:00:00"
    cpus-per-task = 2
    exclusive = true                  # an option without a value
    max-parallel = 100                # tasks that run at once
    modules = ["gcc/13"]              # each a `module load`
    environment = { MALLOC_ARENA_MAX = "2" }
    lines = ["ulimit -n 4096"]        # shell, as it stands

    [gpu]
    partition = "gpu"
    gres = "gpu:1"

It is the file that is named, else that of $TSCONV_SITE, else ``site.toml`` in the user's folder of
settings (``~/.config/tsconv`` on Linux), if it is there.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from tsconv.config import read_toml
from tsconv.errors import ConfigError
from tsconv.registry import did_you_mean

SITE_VARIABLE = "TSCONV_SITE"
DEFAULT_PROFILE = "default"
OURS = ("array", "dependency", "error", "open-mode", "output", "parsable", "wait", "wrap")
"""Options of sbatch that are set for each submission, and so not for a site to give."""

SbatchOptions = Mapping[str, str | None]
"""By long name; None for an option without a value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """How jobs are submitted.

    Attributes:
        sbatch: options by long name.
        modules: to be loaded.
        environment: variables to be set.
        lines: of shell, before the program.
        max_parallel: most tasks of an array that run at once.
    """

    sbatch: SbatchOptions = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    max_parallel: int = 50


def read_site(
    file: Path | None = None,
    profile: str = DEFAULT_PROFILE,
    *,
    options: Mapping[str, Any] | None = None,
    arguments: Sequence[str] = (),
    max_parallel: int | None = None,
) -> Site:
    """A profile of the site's file, with what is given here on top.

    Args:
        file: in place of the one that is found.
        profile: a table of it.
        options: of sbatch, by long name; None for those that are not given.
        arguments: of sbatch, as on its command line: ``--qos=long``, ``--exclusive``.
        max_parallel: tasks that run at once.

    Raises:
        ConfigError: a file or a profile that is not there, or an entry that cannot be.
    """
    known = _profile(_find(file), profile)
    given = {name: str(value) for name, value in (options or {}).items() if value is not None}
    given_plainly = dict(map(_parse_argument, arguments))
    sbatch = {**known.pop("sbatch"), **given, **given_plainly}
    if max_parallel is not None:
        known["max_parallel"] = max_parallel
    return Site(sbatch=sbatch, **known)


def _find(file: Path | None) -> Path | None:
    if file is not None:
        return file
    if named := os.environ.get(SITE_VARIABLE):
        return Path(named).expanduser()
    usual = platformdirs.user_config_path("tsconv") / "site.toml"
    return usual if usual.exists() else None


def _profile(file: Path | None, profile: str) -> dict[str, Any]:
    if file is None:
        if profile != DEFAULT_PROFILE:
            raise ConfigError(
                f"--profile {profile}: expected a site's file that tells it, found none; name one "
                f"with --site or ${SITE_VARIABLE}"
            )
        return {"sbatch": {}}
    profiles = read_toml(file)
    table = profiles.get(profile, {} if profile == DEFAULT_PROFILE else None)
    if not isinstance(table, Mapping):
        hint = did_you_mean(profile, profiles)
        known = ", ".join(profiles) or "none"
        raise ConfigError(f"{file}: unknown profile {profile!r}{hint}; known: {known}")
    if astray := [name for name, each in profiles.items() if not isinstance(each, Mapping)]:
        raise ConfigError(f"{file}: {astray[0]}: expected in the table of a profile, [default]")
    return _parse_profile(f"{file}: [{profile}]", table)


def _parse_profile(where: str, table: Mapping[str, Any]) -> dict[str, Any]:
    parsed: dict[str, Any] = {"sbatch": {}}
    for name, value in table.items():
        if name in ("modules", "lines"):
            parsed[name] = _texts(f"{where} {name}", value)
        elif name == "environment":
            if not isinstance(value, Mapping):
                raise ConfigError(f"{where} {name}: expected a table, found {value!r}")
            parsed[name] = {str(key): str(each) for key, each in value.items()}
        elif name == "max-parallel":
            if type(value) is not int or value < 1:
                raise ConfigError(f"{where} {name}: expected a number from 1, found {value!r}")
            parsed["max_parallel"] = value
        elif value is not False:
            if not isinstance(value, str | int | float):
                raise ConfigError(f"{where} {name}: expected a text or number, found {value!r}")
            _refuse_ours(f"{where} {name}", name)
            parsed["sbatch"][name] = None if value is True else str(value)
    return parsed


def _parse_argument(argument: str) -> tuple[str, str | None]:
    match = re.fullmatch(r"--([a-z][a-z0-9-]+)(?:=(.*))?", argument.strip())
    if match is None:
        raise ConfigError(
            f"--sbatch-arg {argument}: expected a long option such as --sbatch-arg=--qos=long"
        )
    _refuse_ours("--sbatch-arg", match[1])
    return match[1], match[2]


def _refuse_ours(where: str, name: str) -> None:
    if name in OURS:
        raise ConfigError(f"{where}: --{name} is set by tsconv; edit the script to change it")


def _texts(where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigError(f"{where}: expected a list of texts, found {value!r}")
    return tuple(value)
