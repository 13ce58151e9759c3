"""The house keeps its word: README, Makefile, CI, lock and package agree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from labkit.lab.working_copy import lessons

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

TARGETS = set(re.findall(r"^\.PHONY: ([a-z-]+)$", MAKEFILE, re.MULTILINE))
LOCKED = {canonicalize_name(name): Version(version) for name, version in re.findall(r"^([\w.-]+)==([\w.!+-]+)", LOCK, re.MULTILINE)}
# Imported when they are used, and not before: each takes a good part of a second.
HEAVY = "kubernetes", "pytest_kind", "rich", "aiohttp", "cryptography", "nbformat", "jupyter_client"
MAX_LINES = 400


def requirements() -> list[Requirement]:
    extras = PROJECT["project"]["optional-dependencies"].values()
    return [Requirement(text) for group in [PROJECT["project"]["dependencies"], *extras] for text in group]


def commands(text: str, command: str) -> set[str]:
    """The first word after `command`, where a line of code begins with it or with settings (`CLUSTER=kind make test`)."""
    code = [part.strip("`") for part in re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL)]
    return {found for part in code for found in re.findall(rf"^(?:\w+=\S+ )*{command} ([a-z][a-z-]*)", part, re.MULTILINE)}


class TestMakefile:
    def test_every_target_has_a_line_of_help(self) -> None:
        helped = re.findall(r"^([a-z-]+):.*## \S", MAKEFILE, re.MULTILINE)
        assert sorted(helped) == sorted(TARGETS)

    @pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
    def test_help_lists_every_target_in_a_line_each(self) -> None:
        printed = subprocess.run(["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert {line.split()[1] for line in printed.splitlines()} == TARGETS


class TestScripts:
    @pytest.mark.parametrize("name", [".ci/run", "postBuild"])
    def test_it_can_be_run(self, name: str) -> None:
        assert os.access(ROOT / name, os.X_OK), f"chmod +x {name}"
        subprocess.run(["bash", "-n", name], cwd=ROOT, check=True)

    def test_ci_runs_what_the_readme_says(self) -> None:
        run = [line.strip() for line in CI.splitlines()]
        assert [command for command in ("make check", "make test", "CLUSTER=kind make test") if command not in run] == []


class TestReadme:
    def test_its_make_commands_exist(self) -> None:
        named = commands(README, "make")
        assert {"lab", "test", "help", "check", "report", "refresh"} <= named
        assert named <= TARGETS

    def test_its_labkit_commands_exist(self) -> None:
        from labkit.cli.group import COMMANDS

        named = commands(README, "labkit")
        assert {"up", "down", "status", "reset"} <= named
        assert named <= set(COMMANDS)

    def test_its_lessons_are_the_ones_there_are(self) -> None:
        assert re.findall(r"^\| (\d\d) \|", README, re.MULTILINE) == [path.name[:2] for path in lessons(ROOT / "notebooks")]

    def test_its_links_lead_somewhere(self) -> None:
        targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", README)
        assert [target for target in targets if not (ROOT / target).exists()] == []


class TestLock:
    def test_it_holds_everything_that_pyproject_asks_for(self) -> None:
        wanting = [str(r) for r in requirements() if LOCKED.get(canonicalize_name(r.name), Version("0")) not in r.specifier]
        assert wanting == [], "make lock"

    def test_every_line_has_hashes(self) -> None:
        entries = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
        assert [entry.partition(" ")[0] for entry in entries if "--hash=sha256:" not in entry] == []

    def test_it_names_no_registry(self) -> None:
        assert "://" not in LOCK
        assert re.search(r"^\s*-", LOCK.replace("    --hash", ""), re.MULTILINE) is None

    def test_each_dependency_says_why_and_from_which_version(self) -> None:
        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        for requirement in requirements():
            assert requirement.specifier, f"{requirement.name} has no lower bound"
            assert re.search(rf'^ +"{re.escape(requirement.name)}[^"]*", +# \S', text, re.MULTILINE), f"{requirement.name} has no reason"

    def test_conda_installs_the_lock_and_nothing_beside_it(self) -> None:
        environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
        *conda, pip = environment["dependencies"]
        assert pip == {"pip": ["-r requirements.lock"]}
        assert [name.split()[0] for name in conda] == ["python", "make", "pip"]
        assert conda[0].removeprefix("python ").startswith(PROJECT["project"]["requires-python"])


class TestPackage:
    @pytest.mark.parametrize("module", ["labkit", "labkit.cli", "labkit.lab.pytest_plugin"])
    def test_importing_it_imports_nothing_heavy(self, module: str) -> None:
        code = f"import sys, {module}; print(*(m for m in {HEAVY!r} if m in sys.modules))"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
        assert found == []

    def test_a_module_is_one_reading(self) -> None:
        lengths = {path: path.read_text(encoding="utf-8").count("\n") for path in (ROOT / "labkit").rglob("*.py")}
        assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > MAX_LINES} == {}

    def test_the_changelog_knows_its_version(self) -> None:
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        assert f"\n## {PROJECT['project']['version']}" in changelog
