"""`with documented("sa-controller-default-in-every-namespace"):` — a claim of the documents, proved by the assertions of the block."""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Sequence
from types import FrameType, TracebackType

from labkit.catalogue import Behaviour, Status, UnknownBehaviour, behaviour
from labkit.kube.status import ApiError
from labkit.lab.connecting import current_lab
from labkit.lab.errors import LabError
from labkit.lab.evidence import Evidence, Outcome, record
from labkit.lab.lab import Lab
from labkit.lab.masking import mask
from labkit.lab.scan import is_assertion, is_call_of

__all__ = ["NoLongerSo", "documented", "line"]

# What the tick means for each status; the statement follows.
WORDS = {
    Status.HOLDS: "",
    Status.HOLDS_WITH_CHANGES: "",
    Status.REMOVED: "Once: ",
    Status.PROPOSAL_ONLY: "Proposed, never built: ",
    Status.DOC_DEFECT: "Documented, but not so: ",
}
LONGEST_EVIDENCE = 500


class NoLongerSo(AssertionError):
    """A documented sentence does not hold on this cluster. The message names the sentence, its source, the version, the evidence."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


class documented:  # noqa: N801  # it reads as a statement: with documented("…")
    """Claims one or several behaviours of the catalogue; the assertions of the block prove them.

    Prints a line for each that holds. Every claim is recorded with its evidence: what was asserted, or what the cluster did instead.

    Raises:
        LabError: there is no behaviour of that id, or the block asserts nothing.
        NoLongerSo: an assertion failed, or the cluster refused a request of the block.
    """

    def __init__(self, *ids: str, lab: Lab | None = None) -> None:
        if not ids:
            raise LabError('documented("…") needs the id of a behaviour; `labkit.catalogue.behaviours()` lists them.')
        try:
            self.behaviours = tuple(map(behaviour, ids))
        except UnknownBehaviour as error:
            raise LabError(str(error)) from None
        self._lab = lab
        self._asserted: tuple[str, ...] | None = None

    def __enter__(self) -> documented:
        self.lab = self._lab or current_lab("documented(…)")
        caller = sys._getframe(1)  # noqa: SLF001  # the only way to the block's source
        self._asserted = _assertions(caller)
        if self._asserted == ():
            raise LabError("This documented(…) block asserts nothing, so it proves nothing: add an assert.")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self._record(Outcome.SHOWN, "; ".join(self._asserted or ()))
            for claimed in self.behaviours:
                print(line(claimed))
        if not isinstance(error, (AssertionError, ApiError)):
            return
        evidence = mask(_evidence(error, trace))
        self._record(Outcome.FAILED, evidence)
        raise NoLongerSo(_failure(self.behaviours, self.lab, evidence)) from error

    def _record(self, outcome: Outcome, evidence: str) -> None:
        for claimed in self.behaviours:
            record(
                Evidence(
                    id=claimed.id,
                    lesson=self.lab.lesson,
                    cluster=self.lab.info.cluster,
                    version=self.lab.version,
                    outcome=outcome,
                    evidence=evidence,
                    cell=_cell_number(),
                )
            )


def line(claimed: Behaviour) -> str:
    """`✓ Every namespace has a ServiceAccount named default. (1.0 →) · user guide, line 39, and 3 more`; then what is different today."""
    wrong = claimed.status is Status.DOC_DEFECT
    window = "" if wrong else f" ({claimed.window})"
    shown = f"✓ {WORDS[claimed.status]}{claimed.statement}{window} · {claimed.source}"
    if claimed.today and claimed.status is not Status.HOLDS:
        shown += f"\n  {'in fact' if wrong else 'today'}: {claimed.today}"
    return shown


def _failure(claimed: Sequence[Behaviour], lab: Lab, evidence: str) -> str:
    lines = [f'✗ On Kubernetes {lab.info.version} ({lab.info.cluster} cluster "{lab.info.name}") this does not hold:']
    for one in claimed:
        lines += [f"  {one.statement} ({one.window}) · {one.source} · {one.id}"]
    return "\n".join([*lines, f"  evidence: {evidence}"])


def _assertions(frame: FrameType) -> tuple[str, ...] | None:
    """The assertions of the `with` block that is being entered, as source; None where there is no source to read."""
    source = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.With) and node.lineno <= frame.f_lineno <= (node.body[0].lineno)]
    if not source or not blocks:
        return None
    innermost = max(blocks, key=lambda node: node.lineno)
    found = [node for node in ast.walk(innermost) if is_assertion(node)]
    return tuple(_shorten(_asserted(node)) for node in found)


def _asserted(node: ast.AST) -> str:
    """`assert x` as `x`, `with refused(403) as r` as `refused(403)`."""
    if isinstance(node, ast.Assert):
        return ast.unparse(node.test)
    refusals = node.items if isinstance(node, ast.With) else []
    return ", ".join(ast.unparse(item.context_expr) for item in refusals if is_call_of(item.context_expr, "refused"))


def _evidence(error: BaseException, trace: TracebackType | None) -> str:
    """What the failing line says, and the values of the names in it."""
    if isinstance(error, ApiError):
        return f"the server answered {error.status_code} {error.status_reason}: {error.message}"
    said = str(error)
    if trace is None:
        return said or "an assertion failed"
    source = "".join(linecache.getlines(trace.tb_frame.f_code.co_filename, trace.tb_frame.f_globals))
    failed = _statement_at(source, trace.tb_lineno)
    if failed is None:
        return said or f"the assertion in line {trace.tb_lineno} failed"
    values = _values(failed.test, trace.tb_frame) if isinstance(failed, ast.Assert) else []
    what = f"not true: {_shorten(ast.unparse(failed.test))}" if isinstance(failed, ast.Assert) else _shorten(ast.unparse(failed))
    return ", ".join([*([said] if said else []), what, *values])


def _statement_at(source: str, number: int) -> ast.stmt | None:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    found = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and n.lineno <= number <= (n.end_lineno or n.lineno)]
    return max(found, key=lambda node: (node.lineno, -(node.end_lineno or 0)), default=None)


def _values(test: ast.expr, frame: FrameType) -> list[str]:
    """`count = 2` for what the assertion compares. Nothing is called again: a call could answer something else by now."""
    names = {**frame.f_globals, **frame.f_locals}
    shown: dict[str, str] = {}
    parts = [node for node in ast.walk(test) if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript))]
    inner = {id(child) for part in parts for child in ast.walk(part) if child is not part}
    bound = {node.target.id for node in ast.walk(test) if isinstance(node, ast.comprehension) and isinstance(node.target, ast.Name)}
    for part in parts:
        used = {node.id for node in ast.walk(part) if isinstance(node, ast.Name)}
        if id(part) in inner or used & bound or any(isinstance(node, ast.Call) for node in ast.walk(part)):
            continue
        try:
            value = eval(compile(ast.Expression(part), "<evidence>", "eval"), names)  # noqa: S307  # the lesson's own names
        except Exception:  # noqa: BLE001, S112  # what cannot be read is no evidence
            continue
        if not callable(value):
            shown[ast.unparse(part)] = _shorten(repr(value))
    return [f"{name} = {value}" for name, value in shown.items()]


def _cell_number() -> int | None:
    """The number of the running cell, as in `In [5]`."""
    shell_module = sys.modules.get("IPython.core.getipython")
    shell = shell_module.get_ipython() if shell_module else None
    # `In` holds the running cell already; whether `execution_count` does depends on IPython's version.
    return len(shell.user_ns["In"]) - 1 if shell is not None else None


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_EVIDENCE else f"{text[:LONGEST_EVIDENCE]}…"
