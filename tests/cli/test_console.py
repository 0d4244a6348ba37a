import logging

import pytest

from tsconv.cli import console
from tsconv.cli.console import Lines, Pace


def test_lines_come_soon_then_once_a_minute_and_count_members_as_files_do(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    lines = Lines(members=2)

    for step in range(1, 301):
        now[0] += 1
        lines.on_step(0, step, 300)

    said = capsys.readouterr().err.splitlines()
    steps = [int(line.split("step ")[1].split()[0]) for line in said]
    assert steps == [5, 15, 35, 75, 135, 195, 255]
    assert all("member 0 (of 2), step" in line and "left" in line for line in said)


def test_time_left_counts_the_members_that_are_trained(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    pace = Pace(members=5)
    pace.on_begin((1, 4))  # the others are there

    for step in range(1, 12):
        pace.on_step(1, step, 20)
        now[0] += 1

    assert pace.rate == pytest.approx(10 / 11)
    assert pace.seconds_left == pytest.approx((2 * 20 - 11) / pace.rate)


def test_members_that_take_turns_are_told_of_together(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    lines = Lines(members=5)

    for step in (10, 20, 30):  # told of now and then, not of each step
        for member in (0, 1):
            now[0] += 1
            lines.on_step(member, step, 100)

    assert lines.rate == pytest.approx((10 + 10 + 10 + 10 + 1) / 5)
    assert lines.seconds_left == pytest.approx((5 * 100 - 60) / lines.rate)
    (said,) = capsys.readouterr().err.splitlines()
    assert "members 0, 1 (of 5), step 30, 20 of 100, loss" in said


def test_a_message_is_said_once_and_as_it_stands(capsys):
    console.set_up(0)

    for _ in range(2):
        logging.getLogger("tsconv.data").info("reads [/red] %s", "x")
    logging.getLogger("tsconv.data").debug("for us")

    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].endswith(" reads [/red] x")


def test_quiet_keeps_warnings(capsys):
    console.set_up(-1)

    logging.getLogger("tsconv.data").info("a decision")
    logging.getLogger("tsconv.data").warning("a doubt")

    assert capsys.readouterr().err.splitlines()[0].endswith("warning: a doubt")
