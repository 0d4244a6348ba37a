"""Every setting of a training run: frozen, typed, checked when made, the same word everywhere.

A field's name is its flag, its key in TOML and JSON, and its constructor argument. Values come from
a recipe, then a TOML file, then ``--set section.key=value``; a run stores what they resolved to.
"""

import dataclasses
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

from tsconv.errors import ConfigError, UnknownNameError
from tsconv.hints import check, options, words
from tsconv.registry import did_you_mean

C = TypeVar("C")


def setting(default: Any, help: str, *, least: float = -math.inf, most: float = math.inf) -> Any:
    """A dataclass field with its one-line meaning and the inclusive range of its number."""
    return field(default=default, metadata={"help": help, "least": least, "most": most})


class Checked:
    """Mixin: every field is held against its type and range when the object is made."""

    __slots__ = ()

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for each in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, each.name)
            checked = check(each.name, value, hints[each.name], **_limits(each))
            object.__setattr__(self, each.name, checked)


def _limits(each: "dataclasses.Field[Any]") -> dict[str, float]:
    return {key: each.metadata[key] for key in ("least", "most") if key in each.metadata}


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig(Checked):
    """Which network, and its constructor's own options."""

    name: str = setting("inception", "registered name, see `tsconv networks`")
    options: dict[str, Any] = field(
        default_factory=dict, metadata={"help": "keyword arguments of the network's constructor"}
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PreprocessingConfig(Checked):
    """What is fitted on the training part and applied to everything after."""

    scale: Literal["none", "series", "channel"] = setting(
        "channel",
        "z-normalise: not at all, each series alone, or by the channel's train statistics",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig(Checked):
    """How one member is trained. Of ``epochs`` and ``steps``, the budget is what is less."""

    epochs: int | None = setting(None, "budget in passes over the training part", least=1)
    steps: int | None = setting(None, "budget in optimiser steps", least=1)
    batch_size: int = setting(64, "instances a step", least=1)
    even_batches: bool = setting(False, "spread a short last batch of an epoch over all the others")
    optimizer: Literal["adam", "adamw"] = setting("adamw", "optimiser")
    lr: float = setting(1e-3, "learning rate, the peak where a schedule has one", least=0)
    weight_decay: float = setting(0.0, "decoupled weight decay (adamw)", least=0)
    epsilon: float = setting(1e-8, "added to the optimiser's denominator", least=0)
    schedule: Literal["constant", "plateau", "cosine"] = setting(
        "constant", "how the learning rate moves"
    )
    warmup: float = setting(0.0, "share of the steps in which lr rises", least=0, most=1)
    plateau_factor: float = setting(0.5, "plateau: lr is multiplied by this", least=0, most=1)
    plateau_patience: int = setting(50, "plateau: epochs without gain before that", least=1)
    plateau_threshold: float = setting(1e-4, "plateau: absolute gain that counts", least=0)
    min_lr: float = setting(0.0, "lr never falls below this", least=0)
    label_smoothing: float = setting(
        0.0, "share of the target spread over all classes", least=0, most=1
    )
    clip_norm: float | None = setting(None, "largest gradient norm of a step", least=0)
    class_weight: Literal["balanced"] | Mapping[str, float] | None = setting(
        None, "what an instance counts: by its class's inverse frequency, or by a weight a class"
    )
    select: Literal["last", "train_loss", "valid_loss"] = setting(
        "last", "which epoch's weights are kept"
    )
    settle_statistics: bool = setting(
        False,
        "estimate batch-norm statistics anew, over the training part, before each validation or, "
        "without one, when training ends",
    )
    patience: int | None = setting(
        None, "stop after so many epochs without a lower valid loss", least=1
    )
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto", "arithmetic of convolutions; auto takes bfloat16 where the processor has it"
    )
    fused: bool = setting(
        True, "compute by the fast ways of this package; false takes PyTorch's own operators"
    )
    device: str = setting("auto", "auto, cpu, cuda or cuda:N")

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        if self.epochs is None and self.steps is None:
            raise ConfigError(
                "training: found neither epochs nor steps; expected a budget, the less if both"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(Checked):
    """Everything that decides what `fit` gives for a dataset."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    preprocessing: PreprocessingConfig = field(default_factory=PreprocessingConfig)
    training: TrainingConfig = field(default_factory=lambda: TrainingConfig(steps=500))
    recipe: str = setting("fast", "the preset the other settings started from")
    members: int = setting(5, "networks in the ensemble, alike but for their seed", least=1)
    seed: int = setting(0, "member k draws its numbers from (seed, k)", least=0)
    valid_fraction: float = setting(
        0.0, "share of the training part held out to validate on, 0 for none", least=0, most=0.9
    )


def recipe_names() -> tuple[str, ...]:
    """The presets that come with the package, sorted."""
    files = resources.files("tsconv.recipes").iterdir()
    return tuple(sorted(file.name[:-5] for file in files if file.name.endswith(".toml")))


def read_recipe(name: str) -> dict[str, Any]:
    """The settings of one preset, as nested plain values."""
    if name not in recipe_names():
        known = recipe_names()
        hint = did_you_mean(name, known)
        raise UnknownNameError(f"unknown recipe {name!r}{hint}; known: {', '.join(known)}")
    text = resources.files("tsconv.recipes").joinpath(f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


def load_config(
    recipe: str | None = None,
    *,
    file: Path | None = None,
    overrides: Iterable[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> Config:
    """The config that a recipe, a TOML file, flags and overrides resolve to, later ones winning.

    A recipe's table ``networks.<name>`` holds what it changes for that network alone.

    Args:
        recipe: a preset's name; the file may name one too, and `fast` is used if nothing does.
        file: TOML with the layout of :class:`Config`.
        overrides: ``section.key=value``, the value in TOML or a bare word.
        settings: dotted names and values, None meaning not given (a command line's flags).

    Raises:
        ConfigError: a setting that does not hold; the file's name stands before its own.
        UnknownNameError: no recipe of that name.
    """
    given: dict[str, Any] = {}
    for name, value in (settings or {}).items():
        if value is not None:
            _assign(given, name, value)
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals:
            raise ConfigError(f"--set {override}: expected section.key=value, found no '='")
        _assign(given, name.strip(), _parse_value(name.strip(), text.strip()))
    if file is None:
        return _resolve(recipe, given)
    asked = _merge(read_toml(file), given)
    try:
        return _resolve(recipe, asked)
    except (ConfigError, UnknownNameError) as error:
        if _fault(recipe, given) == str(error):  # not the file's
            raise
        raise type(error)(f"{file}: {error}") from error


def _resolve(recipe: str | None, asked: Mapping[str, Any]) -> Config:
    """The config of a recipe and what is asked for on top of it, which may name the recipe."""
    recipe = recipe or _text_at("recipe", asked) or "fast"
    values = read_recipe(recipe)
    by_network = values.pop("networks", {})
    network = _text_at("network.name", asked) or NetworkConfig().name
    values = _merge(values, by_network.get(network, {}))
    return from_dict(Config, {**_merge(values, asked), "recipe": recipe})


def _fault(recipe: str | None, asked: Mapping[str, Any]) -> str:
    """What does not hold of what is asked for, nothing where all does."""
    try:
        _resolve(recipe, asked)
    except (ConfigError, UnknownNameError) as error:
        return str(error)
    return ""


def to_dict(config: Any) -> dict[str, Any]:
    """The config as nested plain values, fit for JSON."""
    return dataclasses.asdict(config)


def dotted(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by their dotted names, lists as JSON has them."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= dotted(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = list(value) if isinstance(value, tuple) else value
    return flat


def describe_settings(kind: type[Any] = Config, prefix: str = "") -> dict[str, str]:
    """What each setting means, by its dotted name, with the words that it may be."""
    hints = get_type_hints(kind)
    meanings: dict[str, str] = {}
    for each in dataclasses.fields(kind):
        hint = hints[each.name]
        if dataclasses.is_dataclass(hint):
            meanings |= describe_settings(hints[each.name], f"{prefix}{each.name}.")
            continue
        named = [word for option in options(hint) for word in words(option)]
        meanings[f"{prefix}{each.name}"] = each.metadata["help"] + (
            f" ({', '.join(named)})" if named else ""
        )
    return meanings


def from_dict(kind: type[C], values: Mapping[str, Any], where: str = "") -> C:
    """The config dataclass that ``values`` describe.

    Raises:
        ConfigError: a key that does not exist (the known ones are listed), a wrong type or range.
    """
    hints = get_type_hints(kind)
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            hint = did_you_mean(key, hints) or _elsewhere(key, hints)
            raise ConfigError(f"unknown setting {where}{key}{hint}; known: {', '.join(hints)}")
        if dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{where}{key}: expected a table of settings, found {value!r}")
            arguments[key] = from_dict(hints[key], value, f"{where}{key}.")
        else:
            arguments[key] = value
    try:
        return kind(**arguments)
    except ConfigError as error:
        raise ConfigError(f"{where}{error}") from None


def _elsewhere(key: str, hints: Mapping[str, Any]) -> str:
    """A hint at the section that has a setting of this name."""
    for section, kind in hints.items():
        if dataclasses.is_dataclass(kind) and key in get_type_hints(kind):
            return f", did you mean {f'{section}.{key}'!r}"
    return ""


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected TOML; {error}") from error


def _parse_value(name: str, text: str) -> Any:
    """A value as TOML reads it; a bare word is a text and ``none`` is None.

    Where a number is expected, or may be, one in a spelling that TOML lacks, as .5, is one too.
    """
    if text == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return _number(text) if _may_be_float(name) else text


def _number(text: str) -> float | str:
    """The number that a text is, if it is a finite one, else the text."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


def _may_be_float(name: str) -> bool:
    """Whether the setting of a dotted name takes a number, as far as is known here."""
    hint: Any = Config
    for key in name.split("."):
        if not dataclasses.is_dataclass(hint):
            return True  # such as an option of the network, which alone knows its type
        hint = get_type_hints(hint).get(key, Any)
    return float in options(hint)


def _merge(base: dict[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        inner = merged.get(key)
        merged[key] = (
            _merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
        )
    return _one_budget(merged, top)


def _text_at(name: str, values: Any) -> str | None:
    """The text at a dotted name, None where there is nothing, or no table to look into."""
    for key in name.split("."):
        values = values.get(key) if isinstance(values, dict) else None
    if not isinstance(values, str | None):
        raise ConfigError(f"{name}: expected a text, found {values!r}")
    return values


def _assign(values: dict[str, Any], name: str, value: Any) -> None:
    """Put ``value`` at a dotted name, making tables on the way."""
    *sections, key = name.split(".")
    for section in sections:
        if not isinstance(values.get(section), dict):
            values[section] = {}
        values = values[section]
    values[key] = value


def _one_budget(merged: dict[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Epochs given on top of a recipe's steps replace them, and the other way round."""
    for given, replaced in (("epochs", "steps"), ("steps", "epochs")):
        if top.get(given) is not None and replaced not in top:
            merged.pop(replaced, None)
    return merged
