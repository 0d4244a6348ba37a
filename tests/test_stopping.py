import os
import signal
import threading

import pytest

from tsconv.errors import ConfigError, Stopped
from tsconv.stopping import DEFAULT, chosen_signals, ignore_more, listening


@pytest.fixture(autouse=True)
def foreground(monkeypatch):
    """The settings of whoever runs the tests do not matter."""
    monkeypatch.delenv("TSCONV_SIGNALS", raising=False)


def send(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)


def test_signals_are_named_with_or_without_their_prefix():
    assert chosen_signals("TERM, sigusr1,") == (signal.SIGTERM, signal.SIGUSR1)
    assert chosen_signals("") == ()
    assert len(chosen_signals(DEFAULT)) == 4


@pytest.mark.parametrize("text", ["TREM", "KILL", "STOP", "TERM USR1", "9"])
def test_what_is_no_signal_to_handle_is_refused(text):
    with pytest.raises(ConfigError, match="TSCONV_SIGNALS"):
        chosen_signals(text)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2"])
def test_a_signal_ends_at_once_what_defers_nothing(name):
    with pytest.raises(Stopped, match=f"told to by {name}"), listening() as stop:
        os.kill(os.getpid(), signal.Signals[name])

    assert stop.told_by == name


def test_a_signal_is_noted_where_it_is_deferred_and_ends_after():
    noted = []

    def work():
        with listening() as stop, stop.deferred():
            noted.append(stop.is_asked_for())
            send(signal.SIGTERM)
            noted.append(stop.is_asked_for())

    with pytest.raises(Stopped):
        work()
    assert noted == [False, True]


def test_who_defers_a_signal_for_too_long_is_interrupted():
    def work():
        with listening() as stop, stop.deferred(0.05):
            send(signal.SIGTERM)
            threading.Event().wait(60)

    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(Stopped, match=r"SIGTERM; a step that took over 0\.05 s more was given up"):
        work()
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.parametrize(
    ("seconds_to_save", "ends"),
    [(20, r"^told to by SIGTERM$"), (0.1, r"saving that took over 0\.1 s was given up")],
)
def test_who_asks_in_time_has_a_while_to_save(monkeypatch, seconds_to_save, ends):
    monkeypatch.setattr("tsconv.stopping.SECONDS_TO_SAVE", seconds_to_save)

    def work():
        with listening() as stop, stop.deferred(0.05):
            send(signal.SIGTERM)
            assert stop.is_asked_for()
            threading.Event().wait(0.4)

    with pytest.raises(Stopped, match=ends):
        work()


def test_who_ends_in_time_is_not_interrupted_later():
    def work():
        with listening() as stop, stop.deferred(0.05):
            send(signal.SIGTERM)

    with pytest.raises(Stopped, match=r"^told to by SIGTERM$"):
        work()
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_an_error_within_is_told_rather_than_the_signal():
    def work():
        with listening() as stop, stop.deferred():
            send(signal.SIGTERM)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()


def test_a_second_interrupt_ends_at_once_and_other_signals_wait():
    def work():
        with listening() as stop, stop.deferred():
            send(signal.SIGINT, signal.SIGTERM)
            noted.append(stop.told_by)
            send(signal.SIGINT)

    noted = []
    with pytest.raises(KeyboardInterrupt) as told:
        work()
    assert told.type is KeyboardInterrupt
    assert noted == ["SIGINT"]


def test_handlers_are_put_back():
    before = [signal.getsignal(each) for each in chosen_signals(DEFAULT)]

    with listening():
        pass

    assert [signal.getsignal(each) for each in chosen_signals(DEFAULT)] == before


def test_a_process_that_ends_minds_no_further_signal_but_ctrl_c():
    numbers = chosen_signals(DEFAULT)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        ignore_more()
        send(signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_the_variable_chooses(monkeypatch):
    monkeypatch.setenv("TSCONV_SIGNALS", "USR2")
    before = signal.getsignal(signal.SIGTERM)

    with listening():
        assert signal.getsignal(signal.SIGTERM) == before
        assert signal.getsignal(signal.SIGUSR2) != signal.SIG_DFL
    with listening(signal.SIGTERM):
        assert signal.getsignal(signal.SIGTERM) != before


def test_an_interrupt_that_a_shell_ignores_for_its_background_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with listening():
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_that_cannot_handle_signals_is_let_be():
    told = []

    def listen():
        with listening() as stop:
            told.append(stop.is_asked_for())

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()

    assert told == [False]
