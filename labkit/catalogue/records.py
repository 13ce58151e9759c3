"""What the catalogue holds, as records: documents, behaviours, commands, flags, manifests, contradictions, rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from labkit.kube.versions import Version


class Status(Enum):
    """How a documented sentence stands towards today's Kubernetes."""

    HOLDS = "holds"
    HOLDS_WITH_CHANGES = "holds-with-changes"
    REMOVED = "removed"
    PROPOSAL_ONLY = "proposal-only"
    DOC_DEFECT = "doc-defect"


@dataclass(frozen=True, slots=True)
class Document:
    """One of the documents that the course covers. `title` is what people call it: `user guide`."""

    key: str
    title: str
    about: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a sentence stands: a document, and a line of the course's copy of it."""

    document: Document
    line: int

    def __str__(self) -> str:
        return f"{self.document.title}, line {self.line}"


@dataclass(frozen=True, slots=True)
class Window:
    """The Kubernetes versions in which a sentence was true: from `since` until `until`, both included; None is open."""

    since: str | None
    until: str | None

    def __str__(self) -> str:
        if self.since is None:
            return "never so"
        if self.until is None:
            return f"{self.since} →"
        return self.since if self.since == self.until else f"{self.since} → {self.until}"

    def __contains__(self, version: str) -> bool:
        """Whether the sentence was true in this version, such as `1.24`."""
        if self.since is None:
            return False
        asked = Version.parse(version)
        minor = Version(asked.major, asked.minor)
        return Version.parse(self.since) <= minor and (self.until is None or minor <= Version.parse(self.until))


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One thing that the documents state.

    `needs` are the parts of a cluster that show it; `demonstrate` says how; `today` is how a current Kubernetes differs, empty where it
    does not; `note` is about the version window.
    """

    id: str
    statement: str
    status: Status
    window: Window
    sources: tuple[Source, ...]
    needs: tuple[str, ...]
    demonstrate: str
    today: str = ""
    note: str = ""

    @property
    def source(self) -> str:
        """The first source, and how many more there are: `user guide, line 39, and 3 more`."""
        more = len(self.sources) - 1
        return f"{self.sources[0]}{f', and {more} more' if more else ''}"


@dataclass(frozen=True, slots=True)
class Command:
    """A command that the documents print."""

    command: str
    seen_in: tuple[Source, ...]
    output_shown: str
    behaviours: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Flag:
    """A component's flag, or a feature gate, that the documents name; `now` says what became of it."""

    component: str
    flag: str
    seen_in: tuple[Source, ...]
    now: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or a dump that the documents print. `intended` is what was meant, None where that is no manifest."""

    name: str
    kind: str
    purpose: str
    seen_in: tuple[Source, ...]
    behaviours: tuple[str, ...]
    damage: str = ""  # what the course's copy of the document lost
    intended: str | None = None


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Where the documents disagree, and who is right."""

    topic: str
    detail: str
    resolution: str
    behaviours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where upstream does it: a file of the kubernetes repository, and a function of it; either may be empty."""

    file: str
    function: str = ""

    def __str__(self) -> str:
        return f"{self.file}, {self.function}" if self.file and self.function else self.file or self.function


@dataclass(frozen=True, slots=True)
class Correction:
    """What a real server of this version did differently from what its sources had been read to say."""

    version: str
    text: str


@dataclass(frozen=True, slots=True)
class UpstreamRule:
    """One numbered rule of the ServiceAccount machinery, as upstream's sources have it: `ADM-13`.

    `topic` is what all rules with the same letters are about, and `read_from` the versions whose sources were read. `window` is None where
    the rule names no version at which it began; a version inside the statement says how the rule once was.
    """

    id: str
    title: str
    statement: str
    topic: str
    read_from: str
    window: Window | None = None
    upstream: tuple[Upstream, ...] = ()
    corrected: tuple[Correction, ...] = ()

    @property
    def family(self) -> str:
        """The letters of the id: `ADM`."""
        return self.id.partition("-")[0]


class UncitedState(Enum):
    """Whether something is left to do for a rule that no code names."""

    NOT_BUILT = "not-built"
    UNNAMED = "unnamed"
    NOTHING_TO_DO = "nothing-to-do"


@dataclass(frozen=True, slots=True)
class Uncited:
    """Why labkit's code names a rule nowhere."""

    state: UncitedState
    reason: str
