"""What a run has shown: one record for each claim, appended to the JSONL file that LABKIT_RESULTS names."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from labkit.lab.errors import LabError

RESULTS = "LABKIT_RESULTS"


class Outcome(StrEnum):
    """Whether the cluster did what the document says (or, for a sentence that is known to be wrong, what the course says instead)."""

    SHOWN = "shown"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One behaviour, on one cluster, in one cell. `cell` is the number in `In [5]`, None outside a notebook."""

    id: str
    lesson: str
    cluster: str
    version: str
    outcome: Outcome
    evidence: str
    cell: int | None = None


def record(evidence: Evidence) -> None:
    """Append to the file that LABKIT_RESULTS names; without it, nothing is kept."""
    named = os.environ.get(RESULTS)
    if not named:
        return
    path = Path(named)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(asdict(evidence), ensure_ascii=False) + "\n"
    # One write of one short line: notebooks of several workers append to the same file.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def read(path: Path) -> Iterator[Evidence]:
    """The records of a results file; none where there is no file.

    Raises:
        LabError: a line is no record.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
            yield Evidence(**found | {"outcome": Outcome(found["outcome"])})
        except (ValueError, TypeError, KeyError):
            raise LabError(f"{path}, line {number}: this is no evidence. Remove the file and run the tests again.") from None
