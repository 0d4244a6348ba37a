import dataclasses

import pytest

from tsconv.data.catalogue import find_entry, read_catalogue
from tsconv.data.mirrors import Mirror, mirrors_of
from tsconv.errors import ConfigError


@pytest.fixture(autouse=True)
def known_mirrors(monkeypatch):
    monkeypatch.delenv("TSCONV_MIRRORS")


def test_every_set_can_be_asked_for_at_several_places():
    for entry in read_catalogue():
        mirrors = mirrors_of(entry)
        assert len(mirrors) >= 3, entry.name
        for mirror in mirrors:
            assert all(url.startswith("https://") for url in mirror.urls(entry).values())


def test_addresses_are_those_that_the_archives_use():
    urls = [
        url
        for each in mirrors_of(find_entry("Beef"))
        for url in each.urls(find_entry("Beef")).values()
    ]

    assert "https://timeseriesclassification.com/aeon-toolkit/Beef.zip" in urls
    assert "https://zenodo.org/records/11185190/files/Beef_TRAIN.ts" in urls
    assert (
        "https://huggingface.co/datasets/sktime/tsc-datasets/resolve/main/Beef/Beef_TEST.ts" in urls
    )


def test_a_set_without_a_record_is_not_asked_for_there():
    entry = dataclasses.replace(find_entry("Beef"), zenodo=None)

    assert "Zenodo" not in {mirror.name for mirror in mirrors_of(entry)}


def test_a_site_names_its_own_in_order(monkeypatch):
    monkeypatch.setenv(
        "TSCONV_MIRRORS", "http://near/{name}.zip  https://far:8080/x/{name}_{part}.tsv?raw=1"
    )

    near, far = mirrors_of(find_entry("PEMS-SF"))

    assert (near.name, far.name) == ("near", "far:8080")
    assert near.urls(find_entry("PEMS-SF")) == {"PEMS-SF.zip": "http://near/PEMS-SF.zip"}
    assert far.urls(find_entry("PEMS-SF")) == {
        "PEMS-SF_TRAIN.tsv": "https://far:8080/x/PEMS-SF_TRAIN.tsv?raw=1",
        "PEMS-SF_TEST.tsv": "https://far:8080/x/PEMS-SF_TEST.tsv?raw=1",
    }


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ftp://host/{name}.zip", "an address of the web"),
        ("{name}.zip", "an address of the web"),
        ("https://host/all.zip", "{name} in it"),
        ("https://host/{name}.ts", "{part} in it, or the ending .zip"),
        ("https://host/{name}_{part}.xls", "an ending of .ts"),
        ("https://host/{set}.zip", "an address of the web with {name}"),
        ("https://host/{name.zip", "an address of the web with {name}"),
    ],
)
def test_an_address_that_is_none_is_refused(url, expected):
    with pytest.raises(ConfigError) as caught:
        Mirror(name="mine", url=url)

    assert expected in str(caught.value)
    assert url in str(caught.value)
