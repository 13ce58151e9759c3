"""What a person is told when something cannot be done."""

from __future__ import annotations


class NodeImageError(Exception):
    """Ends the command with one clear sentence, and no traceback.

    The message says what failed, why, and what to do about it; `status` is the command's exit status.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
