"""Values from outside held against the type hints of what takes them, told of in plain words."""

import math
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tsconv.errors import ConfigError


def check(
    name: str, value: Any, hint: Any, *, least: float = -math.inf, most: float = math.inf
) -> Any:
    """``value`` as its type, an int where a float is expected becoming one.

    Args:
        name: what it is called in the message.
        value: as a user gave it.
        hint: the type, or several as a union; choices among words as Literal.
        least: of a number.
        most: of a number.

    Raises:
        ConfigError: another type, another word, or a number outside of its range.
    """
    for option in options(hint):
        if get_origin(option) is Literal:
            if value in words(option):
                return value
        elif option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return _in_range(name, float(value), least, most)
        elif option is int and isinstance(value, int) and not isinstance(value, bool):
            return _in_range(name, value, least, most)
        elif get_origin(option) is Sequence:
            if isinstance(value, list | tuple):
                (kind,) = get_args(option)
                return [check(name, each, kind, least=least, most=most) for each in value]
        elif option is Any or (option not in (int, float) and _is(value, option)):
            return value
    raise ConfigError(f"{name}: expected {_describe(options(hint))}, found {value!r}")


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The type hints of a function; none where one names what is imported for checkers alone."""
    try:
        return get_type_hints(function)
    except NameError:
        return {}


def options(hint: Any) -> tuple[Any, ...]:
    """The types of which a value is one."""
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def words(option: Any) -> tuple[str, ...]:
    """The words that a value may be, () where it is no choice among some."""
    return get_args(option) if get_origin(option) is Literal else ()


def _is(value: Any, option: Any) -> bool:
    return isinstance(value, get_origin(option) or option)


def _in_range(name: str, value: float, least: float, most: float) -> float:
    if not least <= value <= most:  # false for NaN too
        raise ConfigError(f"{name}: expected a number from {least:g} to {most:g}, found {value!r}")
    return value


def _describe(kinds: Iterable[Any]) -> str:
    known = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    named: list[str] = []
    for kind in kinds:
        if get_origin(kind) is Literal:
            named.extend(map(repr, words(kind)))
        elif get_origin(kind) is Sequence:
            named.append(f"a list, each {_describe(get_args(kind))}")
        elif kind is type(None):
            named.append("none")
        else:
            named.append(known.get(kind, "a table of settings"))
    return " or ".join(named)
