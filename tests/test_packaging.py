"""The wheel carries all that an installation needs: it is built here as `pip` builds it, and looked into."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from email.message import Message
from importlib.metadata import entry_points, packages_distributions, requires
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

from aftercart import __version__
from aftercart.starter import shipped

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZipFile]:
    """The wheel, opened."""
    folder = tmp_path_factory.mktemp("wheel")
    [file] = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with ZipFile(file) as opened:
        yield opened


@pytest.fixture(scope="module")
def wheel(built: ZipFile) -> set[str]:
    """The names of the files in the wheel."""
    return set(built.namelist())


@pytest.fixture(scope="module")
def metadata(built: ZipFile) -> Message:
    return message_from_bytes(built.read(f"aftercart-{__version__}.dist-info/METADATA"))


def test_every_module_of_the_engine_and_of_the_workers_is_in_the_wheel(wheel: set[str]) -> None:
    for package in ("aftercart", "workers"):
        modules = {str(file.relative_to(ROOT)) for file in (ROOT / package).rglob("*.py")}
        assert modules
        assert modules <= wheel


@pytest.mark.parametrize(
    "folder",
    [
        "aftercart/db/migrations",
        "aftercart/web/pages",
        "aftercart/web/suggestions",
        "aftercart/demo/pictures",
        "aftercart/demo/pages",
    ],
)
def test_what_the_code_reads_beside_itself_is_in_the_wheel(wheel: set[str], folder: str) -> None:
    files = {
        str(file.relative_to(ROOT))
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert files
    assert files <= wheel


def test_users_of_the_packages_see_their_types(wheel: set[str]) -> None:
    assert {"aftercart/py.typed", "workers/py.typed"} <= wheel


def test_the_index_is_told_whose_it_is_and_what_it_runs_on(metadata: Message) -> None:
    assert metadata["Author"] == "Aftercart contributors"
    assert metadata["Keywords"]
    pythons = re.findall(r"Python :: 3\.(\d+)$", "\n".join(metadata.get_all("Classifier", [])), re.MULTILINE)
    lowest, above = sorted(map(int, re.findall(r"3\.(\d+)", metadata["Requires-Python"])))
    assert list(map(int, pythons)) == list(range(lowest, above))


def test_the_shipped_campaigns_and_templates_are_in_the_wheel(wheel: set[str]) -> None:
    for folder in ("campaigns", "templates"):
        files = {f"aftercart/shipped/{f.relative_to(ROOT)}" for f in (ROOT / folder).rglob("*") if f.is_file()}
        assert files <= wheel
    assert {"aftercart/shipped/templates/_layout/head.mjml", "aftercart/shipped/campaigns/brand.yaml"} <= wheel
    assert shipped() == ROOT, "from the source tree they are read where people edit them"


def test_nothing_else_is_in_the_wheel(wheel: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    assert tops == {"aftercart", "workers", f"aftercart-{__version__}.dist-info"}
    assert not [name for name in wheel if "__pycache__" in name or name.endswith((".db", ".env", ".log"))]


def test_an_editable_install_reads_the_source_tree(tmp_path: Path) -> None:
    """So that people can edit campaigns and templates where they lie, and workers and migrations are there too."""
    [built] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path / "dist"), versions=["editable"])
    with ZipFile(built) as opened:
        [path_file] = [name for name in opened.namelist() if name.endswith(".pth")]
        folder = opened.read(path_file).decode().strip()
    code = (
        "import importlib.util, sys; sys.path.append(sys.argv[1])\n"
        "print(*(importlib.util.find_spec(name).origin for name in sys.argv[2:]), sep='\\n')"
    )
    modules = ("aftercart", "workers", "aftercart.db.migrations")
    isolated = [sys.executable, "-I", "-S", "-c", code, folder, *modules]
    found = subprocess.run(isolated, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert found == [str(ROOT / module.replace(".", "/") / "__init__.py") for module in modules]
    assert shipped() == ROOT
    for part in ("campaigns/brand.yaml", "templates/_layout/head.mjml"):
        assert (shipped() / part).is_file()


def test_the_console_script_leads_to_the_command_line() -> None:
    [script] = entry_points(group="console_scripts", name="aftercart")
    assert script.value == "aftercart.cli:main"
    assert callable(script.load())


def test_the_version_stands_in_one_place_for_people_and_one_for_tools() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
    lowest, highest = re.findall(r"3\.(\d+)", project["requires-python"])
    assert int(lowest) <= sys.version_info.minor < int(highest)


def test_the_fleet_extra_brings_all_that_kombu_wants_for_redis() -> None:
    """Not by `kombu[redis]`, which pins one exact version of each."""
    wanted = {_name(line) for line in requires("kombu") or () if 'extra == "redis"' in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"redis", "packaging"} <= wanted <= set(map(_name, project["optional-dependencies"]["fleet"]))


UNSEEN = {
    "tzdata": "read as files",
    "redis": "imported by Kombu",
    "packaging": "imported by Kombu",
    "psycopg": "imported by SQLAlchemy",
    "cryptography": "imported by Anymail",
    "svix": "imported by Anymail",
    **dict.fromkeys(
        ("opentelemetry-api", "opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"),
        "share one name",
    ),
}
BROUGHT = {"pydantic-core": "pydantic pins the one that fits"}


def test_what_is_imported_is_declared_and_the_other_way_round() -> None:
    """A package that another one happens to bring may be gone with its next version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = set(map(_name, [*project["dependencies"], *_extras(project)]))
    files = [file for package in ("aftercart", "workers") for file in (ROOT / package).rglob("*.py")]
    names = {name for file in files for name in _imported(file)} - sys.stdlib_module_names
    names -= {"aftercart", "workers", "opentelemetry"}
    from_ = packages_distributions()
    imported = {_name(distribution.lower()) for name in names for distribution in from_[name]}
    assert imported - set(BROUGHT) | set(UNSEEN) == declared


def _extras(project: Mapping[str, Any]) -> Iterator[str]:
    """What the optional parts of an installation need, without what they need of each other."""
    for extra, needed in project["optional-dependencies"].items():
        if extra != "dev":
            yield from (line for line in needed if not line.startswith("aftercart["))


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def _name(requirement: str) -> str:
    return re.split(r"[^a-z0-9-]", re.sub(r"[._]", "-", requirement))[0]
