import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsconv.data.format import Schema
from tsconv.data.formats.csv import CsvTable
from tsconv.data.plain_long import read_long
from tsconv.data.plain_table import PlainTable
from tsconv.data.tables import read_table

SCHEMA = Schema(layout="long", label="label", id="id", time="time", series=("x", "z"))
HEADER = "id,time,x,more,z,label,site\n"
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
    st.sampled_from(["0", "-0.0", "1e-05", "-12"]),
)
TEXTS = st.text(
    st.characters(exclude_categories=["C"], exclude_characters=',"'), min_size=1, max_size=4
)


def save(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode())
    return path


def plainly(path, chunk_size=None):
    table = PlainTable(
        path=path,
        schema=SCHEMA,
        before=["id"],
        numbers=["time", "x", "more", "z"],
        after=["label", "site"],
        delimiter=b",",
        has_header=True,
    )
    return list(read_long(table, chunk_size))


def generally(path, chunk_size=None):
    return list(read_table(CsvTable(path), SCHEMA, chunk_size))


def told(dataset):
    """All that a reader says of some instances."""
    columns = {"label": dataset.labels.tolist(), "id": dataset.ids.tolist()}
    columns |= dataset.extras.to_dict("list")
    return dataset.fingerprint(), dataset.channels, columns, dataset.name


@st.composite
def tables(draw):
    ids = draw(st.lists(TEXTS.filter(str.strip), min_size=1, max_size=6, unique=True))
    rows = []
    for name in ids:
        label, site = draw(TEXTS.filter(str.strip)), "s" + draw(TEXTS)
        for time in range(draw(st.integers(1, 4))):
            x, more, z = draw(NUMBERS), draw(NUMBERS), draw(NUMBERS)
            rows.append(f"{name},{time},{x},{more},{z},{label},{site}")
    return HEADER + "\n".join(rows) + draw(st.sampled_from(["", "\n"]))


@given(
    text=tables(),
    chunk_size=st.sampled_from([None, 1, 2, 5]),
    block=st.sampled_from([9, 1000]),
    small=st.sampled_from([0, 1000]),
)
@settings(deadline=None, max_examples=60)
def test_plain_rows_say_what_the_general_reader_finds(
    tmp_path_factory, text, chunk_size, block, small
):
    path = save(tmp_path_factory.mktemp("long"), text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tsconv.data.series_text.BLOCK_BYTES", block)
        patch.setattr("tsconv.data.rows.SMALL_BYTES", small)
        found, expected = plainly(path, chunk_size), generally(path, chunk_size)

    assert [*map(told, found)] == [*map(told, expected)]


PLAIN = ["a,0,1,0,2,up,n", "a,1,3,0,4,up,n", "b,0,5,0,6,down,s", "b,1,7,0,8,down,s"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('"b",2,1,0,2,down,s', "quotes"),
        ("b,2,1,0,2,down\r,s", "quotes or lone carriage returns"),
        ("b,2,,0,2,down,s", "no number"),
        ("b,2,NaN,0,2,down,s", "no number"),
        ("b,2,1:2,0,2,down,s", "no number"),
        ("b,2,[1],0,2,down,s", "no number"),
        ("b,2,1e39,0,2,down,s", "not finite"),
        ("b,2,1,0,2,up,s", "several places"),
        ("b,2,1,0,2,down,n", "several places"),
        ("a,2,1,0,2,up,n", "several places"),
        ("b,1,1,0,2,down,s", "order of time"),
        ("b,2,1,0,2,down", "different width"),
        ("b,2,1,0,2,down,s,", "different width"),
        ("b,2,1,0\n2,down,s", "different width|no number"),
        ("b,2,1\n0,2,down,s", "different width|no number"),
        ("", "different width"),
        ("c,0,1,0,2, ,s", "without a label"),
        ("c,0,1,0,2,down," + "s" * 100, "long text"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_what_is_not_plain_is_left_to_the_general_reader(tmp_path, row, reason, end):
    path = save(tmp_path, HEADER + "\n".join([*PLAIN, row, "d,0,1,0,2,up,n"]) + end)

    with pytest.raises(ValueError, match=reason):
        plainly(path)


def test_lines_may_end_as_on_windows(tmp_path):
    path = save(tmp_path, (HEADER + "\n".join(PLAIN)).replace("\n", "\r\n"))

    (found,) = plainly(path)

    assert found.labels.tolist() == ["up", "down"]
    assert found.extras.to_dict("list") == {"site": ["n", "s"]}
    assert found.X.tolist() == [[[1, 3], [2, 4]], [[5, 7], [6, 8]]]
