"""The layout's promises, read from the source itself: who imports whom, budgets, names."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "tsconv"
FILES = sorted(ROOT.rglob("*.py"))

LOW = {"errors", "registry", "hints", "config"}
BELOW_RUNS = LOW | {"data", "networks", "training", "evaluation", "classifier"}
BELOW_WORKFLOWS = BELOW_RUNS | {"layers", "runs", "executors", "plots", "stopping"}

# Each part of tsconv and the other parts that it may import; data flow and imports point down.
MAY_IMPORT = {
    "errors": set(),
    "registry": {"errors"},
    "hints": {"errors"},
    "config": {"errors", "hints", "registry"},
    "stopping": {"errors"},
    "cores": set(),
    "recipes": set(),
    "data": LOW,
    "layers": {"errors", "registry"},
    "networks": {"errors", "registry", "layers"},
    "training": {"errors", "config", "data", "layers"},
    "evaluation": {"errors", "registry"},
    "classifier": BELOW_RUNS - {"classifier"},
    "runs": {"errors", "config", "data", "classifier"},
    "executors": LOW | {"cores", "stopping"},
    "workflows": BELOW_WORKFLOWS,
    "worker": {"errors", "stopping", "workflows"},
    "estimators": {"errors", "config", "data", "classifier", "runs"},
    "plots": {"errors", "evaluation"},
    "cli": {"errors", "config", "cores", "stopping", "workflows"},
    "__main__": {"cli"},
    "__init__": {"classifier", "config", "data", "estimators", "workflows"},  # lazily
}

# Packages from outside and the only parts that may import them.
WITH_TORCH = {"layers", "networks", "training", "classifier", "runs", "workflows", "estimators"}
ONLY_IN = {
    "torch": WITH_TORCH,
    "numba": {"layers"},
    "llvmlite": {"layers"},
    "safetensors": {"training", "runs"},
    "sktime": {"data", "estimators"},
    "skbase": {"estimators"},
    "sklearn": {"data", "evaluation", "estimators"},
    "matplotlib": {"plots"},
    "jinja2": {"workflows"},
    "pooch": {"data"},
    "requests": {"data"},
    "urllib3": {"data"},
    "platformdirs": {"data", "executors", "layers"},
    "filelock": {"data", "runs"},
    "typer": {"cli"},
    "click": {"cli"},
    "rich": {"cli"},
    "submitit": {"executors"},
}
STDLIB_ONLY = {"errors", "registry", "hints", "config", "stopping", "cores"}

LINES_PER_FILE = 400
LINES_PER_FUNCTION = 40


def part_of(path):
    """The first name below tsconv: a package, or the stem of a file beside it."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path) -> Iterator[str]:
    """Full dotted names of all that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: import by full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inner_parts(path):
    """Parts of tsconv that a file imports; the root's own names, such as __version__, are free."""
    names = [name.split(".") for name in imports_of(path)]
    return {name[1] for name in names if name[0] == "tsconv" and name[1:] and name[1] in MAY_IMPORT}


def outer_packages(path):
    return {name.split(".")[0] for name in imports_of(path)} - {"tsconv"}


def functions_of(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function):
    """Lines from the first statement after the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def relative(path):
    return path.relative_to(ROOT.parent).as_posix()


LIBRARY = [path for path in FILES if part_of(path) != "cli"]
each_file = pytest.mark.parametrize("path", FILES, ids=relative)


def test_every_part_has_a_row_in_the_table_of_imports():
    parts = {part_of(path) for path in FILES}

    assert parts <= set(MAY_IMPORT)


@each_file
def test_a_file_imports_only_parts_below_its_own(path):
    above = inner_parts(path) - {part_of(path)} - MAY_IMPORT[part_of(path)]

    assert not above, f"{relative(path)} imports {sorted(above)}"


def test_no_part_imports_itself_through_another():
    finished = set()
    while ready := {part for part in set(MAY_IMPORT) - finished if MAY_IMPORT[part] <= finished}:
        finished |= ready

    assert finished == set(MAY_IMPORT)


@each_file
def test_packages_from_outside_stay_in_their_parts(path):
    part = part_of(path)

    astray = {name for name in outer_packages(path) if part not in ONLY_IN.get(name, {part})}

    assert not astray, f"{relative(path)} imports {sorted(astray)}"


@pytest.mark.parametrize("part", sorted(STDLIB_ONLY))
def test_the_lowest_parts_need_the_standard_library_alone(part):
    assert outer_packages(ROOT / f"{part}.py") <= sys.stdlib_module_names


@pytest.mark.parametrize("path", LIBRARY, ids=relative)
def test_nothing_but_the_command_line_prints_or_exits(path):
    tree = ast.parse(path.read_text("utf-8"))

    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {func.id for func in calls if isinstance(func, ast.Name)}

    assert not names & {"print", "exit", "quit", "breakpoint"}


@each_file
def test_package_code_never_asserts_nor_excepts_everything(path):
    tree = ast.parse(path.read_text("utf-8"))

    bare = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
        or (isinstance(node, ast.ExceptHandler) and node.type is None)
    ]

    assert not bare, f"{relative(path)}: lines {bare}"


@each_file
def test_cores_are_those_granted_and_ranks_are_read_in_one_place(path):
    """All of the machine's cores are seldom ours; and who reads a rank must join the others."""
    tree = ast.parse(path.read_text("utf-8"))
    names = {getattr(node, "attr", getattr(node, "id", None)) for node in ast.walk(tree)}
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}

    knows_cores = relative(path) == "tsconv/cores.py"
    assert knows_cores or "cpu_count" not in names, f"{relative(path)}: ask tsconv.cores"
    if relative(path) != "tsconv/training/distributed.py":
        assert not texts & {"RANK", "LOCAL_RANK", "WORLD_SIZE"}, relative(path)


@each_file
def test_functions_stay_within_their_budget_of_lines(path):
    over = [
        f"{path.name}:{function.lineno} {function.name} has {body_lines(function)} lines"
        for function in functions_of(path)
        if body_lines(function) > LINES_PER_FUNCTION
    ]

    assert not over


@each_file
def test_files_stay_within_their_budget_of_lines(path):
    assert len(path.read_text("utf-8").splitlines()) <= LINES_PER_FILE


@each_file
def test_no_file_is_named_for_having_no_place(path):
    words = set(path.relative_to(ROOT).with_suffix("").parts)

    assert not words & {"utils", "util", "helpers", "helper", "common", "misc"}


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.name == "__init__.py"], ids=relative
)
def test_init_files_only_name_things(path):
    lazily = {"__getattr__", "__dir__"} if path.parent == ROOT else set()

    for node in ast.parse(path.read_text("utf-8")).body:
        names_things = isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign)
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_lazy = isinstance(node, ast.FunctionDef) and node.name in lazily
        is_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        assert names_things or is_docstring or is_lazy or is_for_types, (
            f"{relative(path)}:{node.lineno}"
        )


def registered_names(path):
    """The literals in decorators ``@SOMETHING.register("name")`` of a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        for each in getattr(node, "decorator_list", []):
            if (
                isinstance(each, ast.Call)
                and isinstance(each.func, ast.Attribute)
                and each.func.attr == "register"
                and each.args
                and isinstance(each.args[0], ast.Constant)
            ):
                yield each.args[0].value


@each_file
def test_a_file_registers_nothing_but_its_own_name(path):
    assert set(registered_names(path)) <= {path.stem}
