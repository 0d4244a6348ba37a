"""A registry gives names to the classes and functions that one package's files define.

A file registers one thing under its own stem, so a look-up imports that one file; a list of names
imports them all. Registering from outside the package works the same way.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from tsconv.errors import UnknownNameError

T = TypeVar("T")
S = TypeVar("S")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint ", did you mean 'x'", or nothing when no known name but itself is close."""
    folded = {each.lower(): each for each in known if each != name}
    close = difflib.get_close_matches(name.lower(), folded, n=1)
    return f", did you mean {folded[close[0]]!r}" if close else ""


class Registry(Generic[T]):
    """Names of one kind of thing, each registered by a file of ``package``."""

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[S], S]:
        """Decorator that gives ``name`` to what it decorates; a name is given once."""

        def give_name(entry: S) -> S:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._entries[name] = entry  # type: ignore[assignment]
            return entry

        return give_name

    def names(self) -> tuple[str, ...]:
        """Every registered name, sorted."""
        for stem in self._stems():
            importlib.import_module(f"{self.package}.{stem}")
        return tuple(sorted(self._entries))

    def get(self, name: str) -> T:
        """What was registered as ``name``.

        Raises:
            UnknownNameError: nothing was; the message lists what exists and guesses what was meant.
        """
        if name not in self._entries and name in self._stems():
            importlib.import_module(f"{self.package}.{name}")
        if name not in self._entries:
            known = self.names()
            hint = did_you_mean(name, known)
            raise UnknownNameError(f"unknown {self.kind} {name!r}{hint}; known: {', '.join(known)}")
        return self._entries[name]

    def _stems(self) -> list[str]:
        path = importlib.import_module(self.package).__path__
        return [module.name for module in pkgutil.iter_modules(path)]
