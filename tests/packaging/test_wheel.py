"""What users get: the wheel, built from the sdist and installed where the checkout can't be seen.

Each environment here is new and all commands run outside the checkout, so nothing passes because of a file that was never packed.
"""

from __future__ import annotations

import email.parser
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gradio_sansio import __version__

if TYPE_CHECKING:
    from email.message import Message

ROOT = Path(__file__).resolve().parents[2]
ADAPTERS = ROOT / "adapters"
PACKAGES = ("gradio_sansio", *sorted(path.parent.name for path in ADAPTERS.glob("*/__init__.py")))
WITHOUT_EXTRAS = (
    "gradio_sansio",
    "gradio_sansio_cli",
    "gradio_sansio_sync",
    "gradio_sansio_system",
)
DIST_INFO = f"gradio_sansio-{__version__}.dist-info"

pytestmark = pytest.mark.timeout(240)


class Environment:
    """A new virtual environment, and a folder to run commands in that holds nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "home"
        self.folder.mkdir()
        # Installing from outside saves the time to put a pip into each.
        venv.create(folder / "venv", symlinks=True)
        self.bin = folder / "venv" / "bin"
        self.site = (
            folder / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        )

    def install(self, *requirements: str) -> None:
        pip = ("-m", "pip", "--disable-pip-version-check", "--python", str(self.bin / "python"))
        run(sys.executable, *pip, "install", "--quiet", *requirements, cwd=self.folder)

    def python(self, *arguments: str) -> str:
        return run(str(self.bin / "python"), *arguments, cwd=self.folder, first_on_path=self.bin)

    def checker(self, *arguments: str) -> str:
        """Run a type checker of our own environment on what is installed in this one."""
        return run(sys.executable, "-m", *arguments, cwd=self.folder, first_on_path=self.bin)


def run(*command: str, cwd: Path, first_on_path: Path | None = None) -> str:
    """Run a command to its end and return its output; if it fails, the test fails with it."""
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_", "MYPY"))
    }
    variables["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"
    if first_on_path:
        variables["PATH"] = os.pathsep.join([str(first_on_path), variables.get("PATH", os.defpath)])
    done = subprocess.run(
        command,
        cwd=cwd,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}", pytrace=False)
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT), cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """The wheel without extras."""
    environment = Environment(tmp_path_factory.mktemp("plain"))
    environment.install(str(wheel))
    return environment


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """The wheel with all extras that its users may want."""
    environment = Environment(tmp_path_factory.mktemp("full"))
    environment.install(f"{wheel}[anyio,cli,trio]")
    return environment


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return email.parser.BytesParser().parsebytes(archive.read(f"{DIST_INFO}/METADATA"))


def files_below(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder.parent)) for path in folder.rglob("*") if path.suffix in {".py", ".typed"}
    }


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    expected = files_below(ROOT / "gradio_sansio").union(
        *(files_below(ADAPTERS / name) for name in PACKAGES[1:])
    )
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packed = {name for name in names if not name.startswith(DIST_INFO)}
    assert packed == expected
    assert {f"{package}/py.typed" for package in PACKAGES} <= packed
    assert f"{DIST_INFO}/licenses/LICENSE" in names


def test_the_sdist_holds_what_a_packager_needs(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "Makefile"} <= names
    assert "tests/packaging/test_wheel.py" in names
    assert not {name for name in names if name.startswith((".venv", ".servers", ".git/"))}


def test_the_metadata_says_what_it_is(metadata: Message) -> None:
    assert metadata["Name"] == "gradio-sansio"
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_three_small_libraries_are_all_that_it_requires(metadata: Message) -> None:
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert sorted(line.split(">")[0] for line in required) == ["h11", "msgspec", "wsproto"]
    assert {"anyio", "cli", "progress", "trio"} <= set(metadata.get_all("Provides-Extra", []))


@pytest.mark.parametrize("package", WITHOUT_EXTRAS)
def test_import_without_extras(plain: Environment, package: str) -> None:
    where = plain.python("-W", "error", "-c", f"import {package}; print({package}.__file__)")
    assert Path(where.strip()).is_relative_to(plain.site)


@pytest.mark.parametrize("package", PACKAGES)
def test_import_with_extras(full: Environment, package: str) -> None:
    where = full.python("-W", "error", "-c", f"import {package}; print({package}.__file__)")
    assert Path(where.strip()).is_relative_to(full.site)


def test_the_command(plain: Environment, full: Environment) -> None:
    for command in (str(full.bin / "gradio-sansio"),), (str(full.bin / "python"), "-m", "gradio_sansio_cli"):
        assert run(*command, "--version", cwd=full.folder) == f"gradio-sansio {__version__}\n"
    done = subprocess.run(
        [plain.bin / "gradio-sansio", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "gradio-sansio: the command line needs: pip install 'gradio-sansio[cli]'\n"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_a_known_type(full: Environment, package: str) -> None:
    # Not by --pythonpath: --verifytypes takes no notice of it, and looks where the first `python` on the path has its packages.
    report = full.checker("pyright", "--verifytypes", package)
    assert f"{full.site / package}" in report
    assert "Type completeness score: 100%" in report


def test_a_typed_program_passes_both_checkers(full: Environment) -> None:
    program = str(shutil.copy(Path(__file__).with_name("typed_use.py"), full.folder))
    python = str(full.bin / "python")
    full.checker("mypy", "--strict", "--cache-dir", os.devnull, "--python-executable", python, program)
    (full.folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")
    full.checker("pyright", "--pythonpath", python, program)


def test_the_lowest_versions_of_what_it_requires(tmp_path: Path, wheel: Path) -> None:
    """Each requirement is installed at the version that it begins with."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    extras = ("anyio", "cli", "progress", "trio")
    lines = [
        *project["dependencies"],
        *(line for extra in extras for line in project["optional-dependencies"][extra]),
    ]
    pins = [line.replace(">=", "==") for line in lines if not line.startswith("gradio-sansio")]
    assert len(pins) == 7
    environment = Environment(tmp_path)
    environment.install(f"{wheel}[{','.join(extras)}]", *pins)
    program = str(shutil.copy(Path(__file__).with_name("smoke.py"), environment.folder))
    assert not environment.python("-W", "error", program)


def test_the_tests_of_the_core_pass_on_the_installed_package(full: Environment) -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    needed = ("hypothesis", "httpx", "multipart", "pytest", "websockets")
    full.install(*(line for line in extras["test"] if line.startswith(needed)))
    # The same settings; the folders that they put on the path hold tests only here.
    shutil.copy(ROOT / "pyproject.toml", full.folder)
    shutil.copytree(
        ROOT / "tests" / "core", full.folder / "tests" / "core", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(
        ROOT / "fuzz", full.folder / "fuzz", ignore=shutil.ignore_patterns("__pycache__", "corpus")
    )
    full.python("-m", "pytest", "-q", "tests/core")
