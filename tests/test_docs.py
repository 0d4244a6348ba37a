"""The README tells the truth: commands exist or run, Python runs, tables are complete."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from tsconv.cli.main import app
from tsconv.config import recipe_names
from tsconv.data.format import FORMATS
from tsconv.networks import NETWORKS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
QUICK = ["--members", "2", "--set", "training.steps=3", "--set", "network.options.depth=1"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def commands() -> list[str]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    return [line[2:] for line in lines if line.startswith("$ ")]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder as a reader of the README has it, for what its commands write."""
    shutil.copytree(ROOT / "datasets", tmp_path / "datasets")
    return tmp_path


def test_readme_commands_run_in_order_with_a_smaller_budget(checkout: Path) -> None:
    assert len(commands()) >= 3

    for command in commands():
        words = shlex.split(command)
        assert words[0] == "tsconv"
        quick = QUICK if words[1] == "train" else []
        ran = subprocess.run(
            [sys.executable, "-m", "tsconv", *words[1:], *quick],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout


def test_readme_output_has_the_shape_of_what_the_commands_print(checkout: Path) -> None:
    inspect = next(block for block in blocks("console") if "tsconv inspect" in block)
    command, *shown = inspect.splitlines()

    ran = subprocess.run(
        [sys.executable, "-m", "tsconv", *shlex.split(command)[2:]],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )

    untold = ("arithmetic", "precision", "memory")  # differ from machine to machine
    printed = [line for line in ran.stdout.rstrip().splitlines() if not line.startswith(untold)]
    assert [line for line in shown if not line.startswith(untold)] == printed


def named_commands(document: str) -> list[list[str]]:
    """The words after `tsconv` wherever a shell's block or a piece of code names a command."""
    text = (ROOT / document).read_text("utf-8").replace("\\\n", " ")
    fenced = re.findall(r"```(?:bash|console)\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for block in fenced for line in block.splitlines() if "tsconv " in line]
    code = re.findall(r"`(tsconv [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    words = [shlex.split(each, comments=True) for each in (*lines, *code)]
    return [each[each.index("tsconv") + 1 :] for each in words if "tsconv" in each]


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", "docs/cluster.md", "benchmarks/README.md"]
)
def test_every_command_that_is_named_exists_with_its_options(document: str) -> None:
    assert named_commands(document)

    for words in named_commands(document):
        command, rest = typer.main.get_command(app), list(words)
        while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
            assert rest[0] in command.commands, words
            command = command.commands[rest.pop(0)]
        known = {option for each in command.params for option in each.opts} | {"--help"}
        options = {word.partition("=")[0] for word in rest if re.match("--?[a-z]", word)}
        assert options <= known, words


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_readme_python_runs(number: int, checkout: Path) -> None:
    code = re.sub(r"steps(\"?[=:]\s*)\d+", r"steps\g<1>2", blocks("python")[number])
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Networks", NETWORKS.names()),
        ("Formats", FORMATS.names()),
        ("Recipes", recipe_names()),
    ],
)
def test_readme_table_names_everything_registered_and_nothing_else(
    title: str, names: tuple[str, ...]
) -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", section(title), flags=re.MULTILINE)

    assert sorted(rows) == sorted(names)


@pytest.mark.parametrize("name", NETWORKS.names())
def test_readme_gives_each_network_its_size_and_receptive_field(name: str) -> None:
    network_class = NETWORKS.get(name)
    network = network_class(1, 2, **network_class.options_for(150, {}))

    row = next(line for line in section("Networks").splitlines() if line.startswith(f"| `{name}`"))

    assert f"| {network.n_parameters:,} | {network.receptive_field:,} |" in row


@pytest.mark.parametrize("name", FORMATS.names())
def test_readme_lists_every_ending(name: str) -> None:
    row = next(line for line in section("Formats").splitlines() if line.startswith(f"| `{name}`"))

    assert all(f"`{suffix}`" in row for suffix in FORMATS.get(name).suffixes)


def test_links_to_files_lead_somewhere() -> None:
    for document in ("README.md", "CONTRIBUTING.md"):
        links = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / document).read_text("utf-8"))
        assert [link for link in links if not (ROOT / link).exists()] == []


def test_changelog_begins_with_the_version_of_the_package() -> None:
    from tsconv import __version__

    versions = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)

    assert versions[0] == __version__
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")
