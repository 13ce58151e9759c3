"""The stored notebooks pass the gates, and the gates catch what they are there for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from labkit.lab.working_copy import lessons
from tests.house import gates
from tests.house.gates import GATES, Gate

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJlLi4u"


def test_there_are_lessons() -> None:
    assert lessons(NOTEBOOKS), "no notebook in notebooks/"


def test_every_notebook_is_a_numbered_lesson() -> None:
    found = lessons(NOTEBOOKS)
    assert found == sorted(NOTEBOOKS.glob("*.ipynb"))
    numbers = [path.name[:2] for path in found]
    assert len(numbers) == len(set(numbers)), f"a number is given twice: {numbers}"


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.__name__)
@pytest.mark.parametrize("path", lessons(NOTEBOOKS), ids=lambda path: path.stem)
def test_notebook(path: Path, gate: Gate) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert list(gate(notebook)) == []


def code(source: str = "x", count: int | None = 1, *outputs: Any, **metadata: Any) -> Any:
    return new_code_cell(source, execution_count=count, outputs=list(outputs), metadata=metadata)


def printed(text: str, name: str = "stdout") -> Any:
    return new_output("stream", name=name, text=text)


def shown(**data: Any) -> Any:
    return new_output("display_data", data={key.replace("_", "/"): value for key, value in data.items()})


def error() -> Any:
    return new_output("error", ename="ApiException", evalue="(403)", traceback=[])


def words(text: str) -> Any:
    return new_markdown_cell(text)


def notebook_of(*cells: Any, **metadata: Any) -> Any:
    stamp = {"labkit": {"cluster": "kind", "version": "v1.37.2"}, "kernelspec": {"name": "python3", "display_name": "Python 3"}} | metadata
    return new_notebook(cells=list(cells), metadata=stamp)


@pytest.mark.parametrize(
    ("gate", "notebook"),
    [
        pytest.param(gates.counted, notebook_of(code(count=None)), id="never run"),
        pytest.param(gates.counted, notebook_of(code(count=2)), id="not in a new kernel"),
        pytest.param(gates.counted, notebook_of(code(count=2), code(count=1)), id="not from top to bottom"),
        pytest.param(gates.no_empty_cells, notebook_of(code(" \n")), id="empty code"),
        pytest.param(gates.no_empty_cells, notebook_of(words("")), id="empty words"),
        pytest.param(gates.short_cells, notebook_of(code("x\n" * 26)), id="26 lines"),
        pytest.param(gates.refusals_are_shown, notebook_of(code("x", 1, tags=["raises-exception"])), id="raises-exception"),
        pytest.param(gates.refusals_are_shown, notebook_of(code("x", 1, error())), id="an error"),
        pytest.param(gates.refusals_are_shown, notebook_of(code("x", 1, printed("careful", "stderr"))), id="a warning"),
        pytest.param(gates.switches_have_reasons, notebook_of(code("x", 1, tags=["nbval-skip"])), id="skipped for no reason"),
        pytest.param(
            gates.switches_have_reasons, notebook_of(code("x", 1, tags=["only-kind"], labkit={"reason": " "})), id="a blank reason"
        ),
        pytest.param(gates.switches_have_reasons, notebook_of(code("# NBVAL_IGNORE_OUTPUT")), id="a comment for nbval"),
        pytest.param(gates.nothing_secret, notebook_of(code("x", 1, printed(f"token: {TOKEN}"))), id="a printed token"),
        pytest.param(gates.nothing_secret, notebook_of(code("x", 1, shown(application_json={"token": TOKEN}))), id="a token in JSON"),
        pytest.param(gates.nothing_secret, notebook_of(words(f"Try `{TOKEN}`.")), id="a token in the words"),
        pytest.param(gates.nothing_of_this_machine, notebook_of(code("x", 1, printed("wrote /home/ada/x"))), id="a home folder"),
        pytest.param(gates.nothing_of_this_machine, notebook_of(code("x", 1, shown(text_plain="'/tmp/x.yaml'"))), id="a temporary file"),
        pytest.param(gates.nothing_of_this_machine, notebook_of(code("x", 1, printed("C:\\Users\\ada"))), id="a drive"),
        pytest.param(
            gates.nothing_of_this_machine, notebook_of(code("x", 1, printed("Traceback (most recent call last):\n"))), id="a traceback"
        ),
        pytest.param(gates.stamped, notebook_of(labkit={}), id="no stamp"),
        pytest.param(gates.stamped, notebook_of(labkit={"cluster": "embedded", "version": "v1.37.2"}), id="stored from embedded"),
        pytest.param(gates.stamped, notebook_of(labkit={"cluster": "kind", "version": "v1.36.2"}), id="another version"),
        pytest.param(gates.any_kernel_does, notebook_of(kernelspec={"name": "my-env", "display_name": "mine"}), id="somebody's kernel"),
    ],
)
def test_gate_catches(gate: Gate, notebook: Any) -> None:
    assert list(gate(notebook)) != []


def test_gates_let_a_lesson_through() -> None:
    lesson = notebook_of(
        words("# The token's place\nIt is in `/var/run/secrets/kubernetes.io/serviceaccount`."),
        code("%kubectl get --raw /api/v1/namespaces", 1, printed("eyJ…(1166 characters)\n/var/run/secrets/tokens/vault\n")),
        code("x", 2, shown(text_plain="https://kubernetes.default.svc/tmp/x"), tags=["only-kind"], labkit={"reason": "a process"}),
    )
    assert [problem for gate in GATES for problem in gate(lesson)] == []
