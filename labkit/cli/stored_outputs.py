"""Which outputs a refreshed notebook keeps: the stored one wherever old and new say the same once normalised.

So a refresh changes what changed, and a diff shows nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labkit.kube.objects import Obj, copy

Normalise = Callable[[str], str]


def merge(old: Mapping[str, Any], new: Mapping[str, Any], normalise: Normalise) -> tuple[Obj, list[int]]:
    """The notebook to store, and the code cells (counted from 1) whose outputs changed.

    `old` is the stored notebook, `new` the same after a run; both as nbformat's dicts. Sources and metadata are `old`'s.
    """
    merged = copy(dict(old))
    changed: list[int] = []
    number = 0
    for cell, run in zip(merged["cells"], new["cells"], strict=True):
        if cell["cell_type"] != "code":
            continue
        number += 1
        cell["execution_count"] = number if cell["source"] else None
        outputs = [_counted(output, number) for output in coalesced(run.get("outputs", ()))]
        if same(cell.get("outputs", ()), outputs, normalise):
            cell["outputs"] = [_counted(output, number) for output in cell.get("outputs", ())]
        else:
            cell["outputs"] = outputs
            changed.append(number)
    merged["metadata"] = old.get("metadata") or {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return merged, changed


def same(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], normalise: Normalise) -> bool:
    """Whether two cells' outputs say the same."""
    return _texts(old, normalise) == _texts(new, normalise)


def coalesced(outputs: Sequence[Mapping[str, Any]]) -> list[Obj]:
    """The outputs with neighbouring pieces of one stream joined: how it was cut into messages is chance."""
    joined: list[Obj] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output["output_type"] == "stream" == last["output_type"] and last["name"] == output["name"]:
            last["text"] = _text(last["text"]) + _text(output["text"])
        else:
            joined.append(copy(dict(output)))
    return joined


def _texts(outputs: Sequence[Mapping[str, Any]], normalise: Normalise) -> list[tuple[str, ...]]:
    texts: list[tuple[str, ...]] = []
    for output in coalesced(outputs):
        if output["output_type"] == "stream":
            texts.append((output["name"], normalise(output["text"])))
        elif output["output_type"] == "error":
            texts.append(("error", output["ename"], normalise(output["evalue"])))
        else:
            data = sorted(output["data"].items())
            texts.append((output["output_type"], *(f"{mime}\n{normalise(_data(value))}" for mime, value in data)))
    return texts


def _data(value: Any) -> str:
    return _text(value) if isinstance(value, (str, list)) else json.dumps(value, sort_keys=True)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "".join(value)


def _counted(output: Mapping[str, Any], number: int) -> Obj:
    counted: Obj = copy(dict(output))
    if "execution_count" in counted:
        counted["execution_count"] = number
    return counted
