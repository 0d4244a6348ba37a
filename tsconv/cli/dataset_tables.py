"""Archive sets on stdout: what there is of them, what was fetched, what was verified."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tsconv.cli.render import facts, table

if TYPE_CHECKING:
    from tsconv.workflows.datasets import Listed, Shown
    from tsconv.workflows.fetch import Fetched
    from tsconv.workflows.verify import Verified

MEGABYTE = 1e6


def listed(sets: Sequence["Listed"]) -> None:
    """A row a set."""
    here = sum(each.source is not None for each in sets)
    rows = [
        (
            each.entry.name,
            each.entry.n_train,
            each.entry.n_test,
            each.entry.n_timepoints,
            each.entry.n_channels,
            each.entry.n_classes,
            _remarkable(each.entry.traits),
            "yes" if each.source else None,
        )
        for each in sets
    ]
    names = ("train", "test", "length", "channels", "classes", "traits", "here")
    table(
        f"{len(sets)} sets, {here} on this machine",
        ("name", *names),
        rows,
        texts=("traits", "here"),
    )


def shown(result: "Shown") -> None:
    """All of one set."""
    entry, source = result.listed.entry, result.listed.source
    length = "-" if entry.n_timepoints is None else entry.n_timepoints
    files = () if source is None else (source.train, source.test)
    about = {
        "archive": entry.archive,
        "instances": f"{entry.n_train} to train on, {entry.n_test} to test on",
        "length": f"up to {length}" if "unequal" in entry.traits else length,
        "channels": entry.n_channels,
        "classes": entry.n_classes,
        "domain": entry.domain,
        "traits": ", ".join(entry.traits),
        "groups": ", ".join(entry.groups),
        "older names": ", ".join(entry.spellings[1:]) or None,
        "files here": ", ".join(str(path) for path in files if path is not None) or None,
    }
    facts(entry.name, about)
    facts("mirrors, asked in this order", {name: " ".join(each) for name, each in _urls(result)})
    if result.hashes:
        facts("sha256 in the lock", result.hashes)


def describe(result: "Fetched") -> str:
    """What became of one set, in a line."""
    if result.state == "failed":
        return f"failed: {result.failure}"
    if result.state == "here":
        return f"{result.name} is here, in {result.folder}"
    return f"{result.name} fetched, {result.n_bytes / MEGABYTE:.3g} MB, {result.seconds:.1f} s"


def fetched(results: Sequence["Fetched"]) -> None:
    """A row a set."""
    rows = [
        (each.name, each.state, f"{each.n_bytes / MEGABYTE:.3g}", each.folder) for each in results
    ]
    table(f"{len(rows)} sets", ("name", "state", "MB", "folder"), rows, texts=("state", "folder"))


def verified(results: Sequence["Verified"]) -> None:
    """A row a set."""
    rows = [
        (each.name, "wrong" if each.wrong else "right", each.lock, each.folder) for each in results
    ]
    names = ("contents", "sha256", "folder")
    table(f"{len(rows)} sets", ("name", *names), rows, texts=names)


def _remarkable(traits: Sequence[str]) -> str | None:
    """Traits that the other columns do not tell."""
    return " ".join(each for each in traits if each in ("unequal", "missing")) or None


def _urls(result: "Shown") -> list[tuple[str, tuple[str, ...]]]:
    return list(result.urls.items()) or [("none", ())]
