"""The house: imports point down the picture in docs/architecture.md, formats and simulators stay in their rooms."""

from __future__ import annotations

import ast
import configparser
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FILE = 400

# from the bottom to the top: a module imports from its own floor and from those below
FLOORS = (
    ("errors", "plain_text"),
    (
        "converter.ops",
        "converter.layer_call",
        "converter.keras_layer",
        "converter.keras_import",
        "converter.field_types",
    ),
    ("converter.report", "converter.graph", "converter.dynamics"),
    ("converter.layers", "converter.sources", "converter"),
    ("converter.lowering", "converter.passes", "converter.spiking", "converter.storage"),
    ("samples", "encoders"),
    ("backends", "training"),
    ("",),  # everything else: the public face, the command line, the demo
)

# package → where it may be imported, with the reason for each place that is not obvious
ROOMS = {
    "h5py": ("converter.sources", "converter.storage", "run_file", "training.data"),  # the second and third: our own
    # samples: the error that numpy raises for a damaged .npz file; training.data: data sets come as zip files
    "zipfile": ("converter.sources", "samples", "training.data"),
    "PIL": ("training.data",),
    "faery": ("training.data",),
    "nengo": ("backends.nengo", "backends.loihi"),
    "nengo_loihi": ("backends.loihi",),
    "numba": ("converter.dynamics", "backends.cpu", "backends.llvm", "backends.loihi.emulator"),
    "sklearn": ("demo",),
    "matplotlib": ("plots",),
    "optuna": ("tuning",),
}
NEVER = ("pickle", "marshal", "dill", "shelve")  # reading a file must not execute it
# imported inside functions
LAZY = ("keras", "tensorflow", "tf_keras", "nengo_loihi", "sklearn", "matplotlib", "optuna")
# imported themselves only where they are used: what derives from the classes of such a package
EAGER = (
    "training",
    "finetuning.batches",
    "finetuning.callbacks",
    "finetuning.follow_chip",
    "backends.keras",
    "backends.loihi.neurons",
)


class Import(NamedTuple):
    """One import: who, what (of spikeport's own modules without the package's name), and whether it runs at once."""

    module: str
    target: str
    own: bool
    at_once: bool


def modules() -> dict[str, Path]:
    """Every module that is installed, by its name inside the package."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    found = {}
    for package in setup["options"]["packages"].split():
        inside = package.split(".")[1:]
        for path in ROOT.joinpath(*inside).glob("*.py"):
            found[".".join([*inside, path.stem])] = path
    return found


def imports_of(module: str, path: Path) -> Iterator[Import]:
    package = module.split(".")[:-1]
    for statement, at_once in statements(ast.parse(path.read_text(encoding="utf-8")), True):
        if isinstance(statement, ast.Import):
            for name in statement.names:
                yield Import(module, name.name, name.name.split(".")[0] == "spikeport", at_once)
        elif isinstance(statement, ast.ImportFrom) and statement.level:
            base = package[: len(package) - statement.level + 1]
            for name in statement.names:
                inside = ".".join([*base, statement.module or name.name])
                yield Import(module, inside, True, at_once)
        elif isinstance(statement, ast.ImportFrom):
            yield Import(module, statement.module or "", False, at_once)


def statements(tree: ast.AST, at_once: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Every node of a tree that runs, with whether it does when the module is imported."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child, at_once
        yield from statements(child, at_once and not isinstance(child, (ast.FunctionDef, ast.Lambda)))


MODULES = modules()
IMPORTS = [each for module, path in MODULES.items() for each in imports_of(module, path)]
each_module = pytest.mark.parametrize("module", MODULES)


def is_inside(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def floor(module: str) -> int:
    """The number of a module's floor, that of its longest name in the picture."""
    named = [(len(room), number) for number, rooms in enumerate(FLOORS) for room in rooms if is_inside(module, room)]
    return max(named, default=(0, len(FLOORS) - 1))[1]


@each_module
def test_imports_point_down(module):
    up = [i.target for i in IMPORTS if i.module == module and i.own and floor(i.target) > floor(module)]
    assert not up


def test_the_converter_knows_no_backend():
    known = [i for i in IMPORTS if i.own and is_inside(i.module, "converter") and is_inside(i.target, "backends")]
    assert not known


def test_backends_do_not_know_each_other():
    places = [path.name for path in (ROOT / "backends").iterdir() if (path / "__init__.py").exists()]
    known = [
        i
        for i in IMPORTS
        for one in places
        for other in places
        if one != other and is_inside(i.module, f"backends.{one}") and is_inside(i.target, f"backends.{other}")
    ]
    assert not known


@pytest.mark.parametrize("package", ROOMS)
def test_packages_stay_in_their_rooms(package):
    importers = {i.module for i in IMPORTS if not i.own and i.target.split(".")[0] == package}
    assert importers
    assert not [m for m in importers if not any(is_inside(m, room) for room in ROOMS[package])]


def test_heavy_packages_are_imported_where_they_are_used():
    eager = {i.module for i in IMPORTS if i.at_once and not i.own and i.target.split(".")[0] in LAZY}
    assert not [module for module in eager if not any(is_inside(module, place) for place in EAGER)]


def test_nothing_that_executes_files_is_imported():
    assert not [i for i in IMPORTS if i.target.split(".")[0] in NEVER]


def test_imports_inside_the_package_are_relative():
    absolute = [i for i in IMPORTS if i.target.split(".")[0] == "spikeport"]
    assert not absolute


@each_module
def test_files_are_short_and_say_what_they_are_for(module):
    text = MODULES[module].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    assert ast.get_docstring(ast.parse(text))


def test_checks_are_not_left_to_assert():
    asserting = [
        module
        for module, path in MODULES.items()
        if any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    ]
    assert not asserting
