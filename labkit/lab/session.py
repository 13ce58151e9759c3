"""Whose lesson this is: a session id kept in LABKIT_HOME, and the names that follow from it.

On a cluster that several people share, each touches only what carries the own session's label. Tests make a session of their own
(LABKIT_SESSION).
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from dataclasses import dataclass

from labkit.clusters.home import labkit_home, lock, read_json, write_json
from labkit.lab.errors import LabError

# As upstream's rand.String: no vowels, hence no words, and nothing that is taken for something else.
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH = 5
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Session:
    """One learner, or one run of the tests."""

    id: str

    def labels(self, lesson: str) -> dict[str, str]:
        """What everything that a lesson makes outside its namespace, and the namespace itself, is labelled with."""
        return {"app.kubernetes.io/managed-by": "labkit", "labkit.local/session": self.id, "labkit.local/lesson": lesson}

    def selector(self, lesson: str) -> str:
        """The label selector that finds exactly those."""
        return ",".join(f"{key}={value}" for key, value in self.labels(lesson).items())

    def namespace(self, lesson: str, attempt: int = 0) -> str:
        """`lesson-02-x7k2p`: the same for the same session, lesson and attempt."""
        digest = hashlib.sha256(f"{self.id}/{lesson}/{attempt}".encode()).digest()
        suffix = "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:SUFFIX_LENGTH])
        return f"lesson-{lesson}-{suffix}"


def current_session() -> Session:
    """The session that LABKIT_SESSION names, else the one of this LABKIT_HOME, made the first time.

    Raises:
        LabError: LABKIT_SESSION cannot be a label's value.
        HomeError: LABKIT_HOME cannot be used.
    """
    named = os.environ.get("LABKIT_SESSION")
    if named is None:
        return Session(_kept_id())
    if not LABEL_VALUE.fullmatch(named):
        raise LabError(f"LABKIT_SESSION={named!r} cannot be used: letters, digits and '-', at most 63 of them.")
    return Session(named)


def _kept_id() -> str:
    home = labkit_home()
    path = home / "session.json"
    with lock(home, "session", "making the session"):  # two notebooks opened at once agree on one
        found = (read_json(path) or {}).get("id")
        if isinstance(found, str) and LABEL_VALUE.fullmatch(found):
            return found
        made = secrets.token_hex(4)
        write_json(path, {"id": made})
        return made
