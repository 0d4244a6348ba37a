"""Where archive sets are on the web: ``mirrors.csv``, or what a site names instead.

An address is a template. ``{name}`` is the set's name and ``{zenodo}`` the number of its record;
with ``{part}`` it stands for two files, TRAIN and TEST, without for one zip.
"""

import csv
import os
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

from tsconv.data.catalogue import Entry
from tsconv.data.layouts import PREFERENCE, TEST, TRAIN
from tsconv.errors import ConfigError

MIRRORS_VARIABLE = "TSCONV_MIRRORS"
"""Addresses to ask instead, apart by spaces, such as ``https://intranet/ucr/{name}.zip``."""
ZIP = ".zip"
FIELD = re.compile(r"\{(\w+)\}")
FIELDS = {"name", "part", "zenodo"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Mirror:
    """A place that has sets.

    Attributes:
        name: what it is called in messages.
        url: template of an address.

    Raises:
        ConfigError: the template is none of the web, or stands for no files of a set.
    """

    name: str
    url: str

    def __post_init__(self) -> None:
        fields = set(FIELD.findall(self.url))
        suffix = self.suffix
        if (
            urlsplit(self.url).scheme not in ("http", "https")
            or not fields <= FIELDS
            or (set("{}") & set(FIELD.sub("", self.url)))
        ):
            problem = "an address of the web with {name}, {part} or {zenodo}"
        elif not fields & {"name", "zenodo"}:
            problem = "{name} in it"
        elif "part" in fields and suffix not in PREFERENCE:
            problem = f"an ending of {', '.join(PREFERENCE)} for a file of a part"
        elif "part" not in fields and suffix != ZIP:
            problem = f"{{part}} in it, or the ending {ZIP}"
        else:
            return
        raise ConfigError(f"mirror {self.url!r} of ${MIRRORS_VARIABLE}: expected {problem}")

    @property
    def suffix(self) -> str:
        """Of its files."""
        return PurePosixPath(urlsplit(self.url).path).suffix.lower()

    def has(self, entry: Entry) -> bool:
        """Whether a set can be asked for here."""
        return entry.zenodo is not None or "{zenodo}" not in self.url

    def urls(self, entry: Entry) -> dict[str, str]:
        """The addresses of a set's files by the names that they are to get."""
        name, record = quote(entry.name), entry.zenodo
        if self.suffix == ZIP:
            return {f"{entry.name}{ZIP}": self.url.format(name=name, zenodo=record)}
        return {
            f"{entry.name}{part}{self.suffix}": self.url.format(
                name=name, zenodo=record, part=part.removeprefix("_")
            )
            for part in (TRAIN, TEST)
        }


def mirrors_of(entry: Entry) -> tuple[Mirror, ...]:
    """Where a set can be asked for, in the order to ask.

    Raises:
        ConfigError: the environment names an address that is none.
    """
    if named := os.environ.get(MIRRORS_VARIABLE, "").split():
        mirrors = tuple(Mirror(name=urlsplit(url).netloc or url, url=url) for url in named)
    else:
        mirrors = _known()
    return tuple(mirror for mirror in mirrors if mirror.has(entry))


@cache
def _known() -> tuple[Mirror, ...]:
    text = (resources.files("tsconv.data") / "mirrors.csv").read_text("utf-8")
    return tuple(Mirror(**row) for row in csv.DictReader(text.splitlines()))
