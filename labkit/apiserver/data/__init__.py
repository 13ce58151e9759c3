"""What the embedded server knows of the wire, as data: taken from a real server and its sources by `take.py`, read by `load`."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def load(name: str) -> Any:
    """The JSON file `name` of this folder, read once. It is shared: copy before changing."""
    return json.loads((files(__name__) / name).read_text(encoding="utf-8"))


__all__ = ["load"]
