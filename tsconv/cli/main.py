"""The entry point: commands by name, and what becomes of an error.

Exit codes: 0; 2 for usage or bad input, told in one line; 1 for a mistake of ours, with its
traceback; 3 for a benchmark of which cells failed, or sets of which some did; 75 when a signal,
Ctrl-C too, ended a command, or another process has cells of a benchmark, which leaves the rest to
the same command; 130 when Ctrl-C came twice.
"""

import contextlib
import errno
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tsconv import __version__
from tsconv.cli import console, datasets, render
from tsconv.cli.benchmark import benchmark
from tsconv.cli.collect import collect
from tsconv.cli.compare import compare
from tsconv.cli.convert import convert
from tsconv.cli.evaluate import evaluate
from tsconv.cli.formats import formats
from tsconv.cli.inspect import inspect
from tsconv.cli.networks import networks
from tsconv.cli.options import JSON_ASKED
from tsconv.cli.plot import plot
from tsconv.cli.predict import predict
from tsconv.cli.report import report
from tsconv.cli.resubmit import resubmit
from tsconv.cli.settings import settings
from tsconv.cli.status import status
from tsconv.cli.submit import submit
from tsconv.cli.train import train
from tsconv.cores import settle_threads
from tsconv.errors import Stopped, TSConvError
from tsconv.stopping import EXIT_CODE, ignore_more, listening

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Commands(TyperGroup):
    """The commands; deliberate errors, interruptions and closed pipes end in an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run one command."""
        try:
            with listening() as ctx.obj:
                result = super().invoke(ctx)
                sys.stdout.flush()
                return result
        except TSConvError as error:
            message = " ".join(str(error).split())
            if ctx.meta.get(JSON_ASKED):
                kind = type(error).__name__
                render.document({"error": {"kind": kind, "message": message}})
            _say_once(f"error: {message}")
            raise typer.Exit(2) from error
        except Stopped as error:
            ignore_more()
            _say_once(f"stopped: {error}; the same command does the rest")
            raise typer.Exit(EXIT_CODE) from error
        except KeyboardInterrupt as error:
            console.say("interrupted")
            raise typer.Exit(130) from error
        except BrokenPipeError as error:
            _drop_stdout()
            raise typer.Exit(0) from error
        except OSError as error:
            if error.filename is not None or error.errno not in NO_ROOM:
                raise
            _drop_stdout()
            _say_once(f"error: standard output: cannot be written ({error.strerror})")
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=Commands,
    help="Time-series classification with convolutional networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help and usage errors: no import of rich, and nothing cut short
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"tsconv {__version__}\n")
        raise typer.Exit


@app.callback()
def set_up(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show it and exit.", callback=_show_version, is_eager=True),
    ] = False,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Say more.", show_default=False)
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say warnings only.")] = False,
) -> None:
    """Options before the command."""
    console.set_up(-1 if quiet else verbose)


COMMANDS = (
    train,
    predict,
    evaluate,
    inspect,
    benchmark,
    submit,
    status,
    resubmit,
    collect,
    compare,
    report,
    plot,
    convert,
    networks,
    formats,
    settings,
)

for command in COMMANDS:
    app.command()(command)
app.add_typer(datasets.app, name="datasets")


def main() -> None:
    """What `tsconv` runs."""
    _open_streams()
    settle_threads()
    try:
        app()
    except KeyboardInterrupt:  # before a command began
        sys.exit(130)
    except SystemExit as end:
        if isinstance(end.code, int):
            _leave(end.code)
        raise


def _open_streams() -> None:
    """For each standard stream that was closed, one that is empty or forgets what it is told."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _leave(code: int) -> None:
    """End at once: to take down PyTorch's modules takes seconds, and all that is to be done is.

    A signal that came meanwhile would change the exit code of a command that did its work.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads on
            stream.flush()
    os._exit(code)


def _say_once(words: str) -> None:
    """What several processes have to say of the same mishap, the first that comes says."""
    from tsconv.workflows.place import told_elsewhere

    if not told_elsewhere():
        console.say(words)


def _drop_stdout() -> None:
    """Nobody reads on: keep the interpreter from flushing into what takes no more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
