"""What a run is of and what is asked for differ in: the first thing, as a message tells it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tsconv.config import Config, to_dict

if TYPE_CHECKING:
    from tsconv.runs.store import DataRecord


class Difference(NamedTuple):
    """A setting's dotted name, or another word, and its two values."""

    name: str
    then: Any
    now: Any

    def __str__(self) -> str:
        return f"with {self.name} = {self.then}, now asked for {self.now}"


def of_settings(then: Config, now: Config) -> Difference | None:
    """The first setting that differs, whole where only one of the two has its parts."""
    return _first(to_dict(then), to_dict(now))


def of_data(then: "DataRecord", now: "DataRecord") -> str:
    """What differs of the data, in words; "" for the same series."""
    if then.train == now.train:
        return "" if then.valid == now.valid else _of_valid(then.valid, now.valid)
    if then.train is None:
        return "whose training data are not known"
    if then.name != now.name:
        return str(Difference("data", then.name, now.name))
    if then.resample != now.resample:
        return str(Difference("resample", then.resample, now.resample))
    return "whose training data have changed since"


def _of_valid(then: str | None, now: str | None) -> str:
    if then is None:
        return "without a validation file of its own, now asked for with one"
    if now is None:
        return "with a validation file of its own, now asked for without"
    return "whose validation data have changed since"


def _first(then: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Difference | None:
    """The first difference of two tables of the same names."""
    for key, old in then.items():
        name, new = f"{prefix}{key}", now[key]
        if isinstance(old, Mapping) and isinstance(new, Mapping) and old.keys() == new.keys():
            if (inner := _first(old, new, f"{name}.")) is not None:
                return inner
        elif _as_json(old) != _as_json(new):
            return Difference(name, old, new)
    return None


def _as_json(value: Any) -> Any:
    """Tuples as the lists that they are read back as."""
    return list(value) if isinstance(value, tuple) else value
