"""`with refused(403) as r:` — what a cluster refuses is part of the lesson: the message is printed, and nothing else."""

from __future__ import annotations

from http import HTTPStatus
from types import TracebackType
from typing import Any

from labkit.kube.status import ApiError, error_from_status

__all__ = ["NotRefused", "refused"]


class NotRefused(AssertionError):
    """The cluster did something else than refuse with this code."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class refused:  # noqa: N801  # it reads as a statement: with refused(403)
    """Expects the block to be refused with this HTTP code; prints the first line of the server's message.

    Afterwards `message`, `reason` and `error` tell all that the server said. Takes the errors of labkit's Lab and of the `kubernetes`
    client.

    Raises:
        NotRefused: the block was not refused, or with another code.
    """

    def __init__(self, code: int) -> None:
        self.code = code
        self.error: ApiError | None = None

    def __enter__(self) -> refused:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if error is None:
            raise NotRefused(f"The cluster was expected to refuse this with {_title(self.code)}, and it did not.")
        found = _api_error(error)
        if found is None:
            return False
        if found.status_code != self.code:
            raise NotRefused(
                f"The cluster was expected to refuse this with {_title(self.code)}; it said {_title(found.status_code)}: {found.message}"
            ) from None
        self.error = found
        first_line, _, _ = found.message.strip().partition("\n")  # further lines are the server's own data structures
        print(f"{_title(self.code)}: {first_line}")
        return True

    @property
    def message(self) -> str:
        """The server's words, for people."""
        return self.error.message if self.error else ""

    @property
    def reason(self) -> str:
        """The server's word, for programs: `Forbidden`, `NotFound`."""
        return self.error.status_reason if self.error else ""


def _title(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


def _api_error(error: BaseException) -> ApiError | None:
    """labkit's own error, or that of the official client, which is recognised by its shape so that nobody has to import it."""
    if isinstance(error, ApiError):
        return error
    status: Any = getattr(error, "status", None)
    body: Any = getattr(error, "body", None)
    if not isinstance(status, int):
        return None
    import json

    try:
        found = json.loads(body or "")
    except (TypeError, ValueError):
        found = None
    return error_from_status(found) if isinstance(found, dict) else ApiError(str(body or error), code=status, reason="")
