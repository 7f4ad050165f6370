"""What is installed is what the repository holds, and the commands that the README gives are the ones that are run."""

from __future__ import annotations

import configparser
import importlib.metadata
import importlib.resources
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import spikeport

ROOT = Path(__file__).resolve().parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")


def lines(section: str, key: str) -> list[str]:
    """A list in setup.cfg."""
    return SETUP[section][key].split("\n")[1:]


def packages(folder: Path, name: str) -> Iterator[str]:
    """A folder with an ``__init__.py``, and those inside it."""
    if (folder / "__init__.py").exists():
        yield name
        for inner in folder.iterdir():
            yield from packages(inner, f"{name}.{inner.name}")


def readme_commands() -> list[str]:
    """The commands of the README that make an environment: the demo, then the tests."""
    return re.findall(r"^python3 -m venv .*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def installed() -> importlib.metadata.Distribution:
    """What pip installed; not the .egg-info that building leaves at the root, which "python -m pytest" sees first."""
    path = [entry for entry in sys.path if Path(entry).resolve() != ROOT]
    return next(iter(importlib.metadata.distributions(name="spikeport", path=path)))


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8"
    )


def test_setup_lists_the_folders_that_are_packages():
    assert sorted(lines("options", "packages")) == sorted(packages(ROOT, "spikeport"))


def test_the_types_are_installed():
    assert (importlib.resources.files("spikeport") / "py.typed").is_file()


def test_only_the_package_is_installed():
    if json.loads(installed().read_text("direct_url.json") or "{}").get("dir_info", {}).get("editable"):
        pytest.skip("an editable install holds no files of the package")
    folders = {Path(file).parent for file in installed().files or () if file.suffix == ".py"}
    assert folders == {Path(*name.split(".")) for name in lines("options", "packages")}


def test_the_version_is_one():
    version = SETUP["metadata"]["version"]
    assert version == spikeport.__version__ == installed().version
    assert version in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_readme_has_one_command_for_the_demo_and_one_for_the_tests():
    demo, tests = readme_commands()
    assert demo.endswith("spikeport demo")
    assert tests.endswith("python -m pytest")


def test_ci_runs_the_second_command_of_the_readme():
    assert readme_commands()[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_each_dependency_has_its_reason_in_the_docs():
    extras = [name for extra in SETUP["options.extras_require"] for name in lines("options.extras_require", extra)]
    required = {re.split(r"[^\w-]", line)[0] for line in lines("options", "install_requires") + extras} - {"spikeport"}
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| ([^|]+) \|", page.partition("## Dependencies")[2], re.MULTILINE)
    assert required == {name.strip() for row in table[1:] for name in row.split(",")}


@pytest.mark.parametrize("name", spikeport.__all__)
def test_each_public_name_can_be_imported(name):
    assert getattr(spikeport, name) is not None


def test_help_imports_nothing_heavy():
    done = run_python(
        "-c",
        "import sys\n"
        "from spikeport.cli import main\n"
        "try: status = main(['--help'])\n"
        "except SystemExit as exit: status = exit.code\n"
        "heavy = {'tensorflow', 'keras', 'tf_keras', 'nengo', 'nengo_loihi', 'numba', 'sklearn', 'optuna'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else status)\n",
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_generated_parts_of_the_docs_are_fresh():
    done = run_python("docs/generate.py", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_docs_have_every_command():
    listed = re.search(r"COMMANDS = \(([^)]*)\)", (ROOT / "docs" / "generate.py").read_text(encoding="utf-8"))
    documented = re.findall(r'"(\w+)"', listed[1])
    choices = re.search(r"\{([\w,]+)\}", run_python("-m", "spikeport", "--help").stdout)
    assert documented == choices[1].split(",")
