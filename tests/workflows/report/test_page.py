from markupsafe import Markup

from tsconv.workflows.report.page import Drawing, Section, Table, Words

FIGURE = Drawing(Markup("<svg></svg>"), "what it shows", least=300, most=500)
WIDE = Drawing(Markup("<svg></svg>"), "what it shows", least=300, most=900)


def test_sections_of_small_figures_and_tables_leave_room_beside_them():
    assert Section("a", "A", (FIGURE,)).is_narrow
    assert Section("a", "A", (FIGURE, Table(("one", "two"), []))).is_narrow


def test_sections_of_words_wide_figures_or_wide_tables_do_not():
    assert not Section("a", "A", (Words("only words"),)).is_narrow
    assert not Section("a", "A", (FIGURE, WIDE)).is_narrow
    assert not Section("a", "A", (FIGURE, Table(tuple("abcdefghi"), []))).is_narrow
