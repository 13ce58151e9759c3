r"""What is different each time and means nothing: the one table of it.

It makes nbval's sanitize file, and serves the differential tests, comparisons by script and `labkit refresh`. A pattern that is too wide
hides a wrong answer, so each one has rows in its test that it must change and rows that it must leave alone.

The patterns are plain `re.sub` without flags, since that is what nbval does with them, and ASCII, since it reads its file in the
machine's own encoding. They are applied in this order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

__all__ = ["NORMALISATIONS", "Normalisation", "normalise", "sanitize_file"]


@dataclass(frozen=True)
class Normalisation:
    """One thing that varies, and what stands for it. `why` says where it comes from."""

    name: str
    pattern: str
    replacement: str
    why: str

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern, ready to use."""
        return re.compile(self.pattern)


# Five letters or digits as upstream's rand.String makes them: no vowels, and none of 0, 1, 3.
_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]{5}"
_SPAN = r"(?:\d+[ydhms]){1,3}"

NORMALISATIONS: tuple[Normalisation, ...] = (
    Normalisation(
        "token", r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", "TOKEN", "a JWT: ids and times are in it, and the signature"
    ),
    Normalisation("masked token", r"\beyJ\u2026\(\d+ characters\)", "TOKEN", "as %kubectl shows a JWT; its length follows its times"),
    Normalisation("masked base64", r"\b(ZXlK|LS0t)\u2026\(\d+ characters\)", r"\1BASE64", "a token or a certificate in a Secret"),
    Normalisation(
        "certificate", r"-----BEGIN CERTIFICATE-----\u2026\(\d+ characters\)", "CERTIFICATE", "each cluster has a certificate of its own"
    ),
    Normalisation("credential id", r"\b(JTI=)[0-9a-f-]{36}\b", r"\1ID", "the id of one token"),
    Normalisation("certificate id", r"\b(X509SHA256=)[0-9a-f]{64}\b", r"\1ID", "the fingerprint of the administrator's certificate"),
    Normalisation(
        "key id",
        r"(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])(?=[\w-]*[0-9_-])[A-Za-z0-9_-]{43}(?![\w-])",
        "KEYID",
        "the fingerprint of the cluster's signing key",
    ),
    Normalisation("uid", r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UID", "made anew with each object"),
    Normalisation(
        "timestamp", r"\b20\d\d-[01]\d-[0-3]\d[T ][0-2]\d:[0-5]\d:[0-6]\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?", "TIME", "RFC 3339, in objects"
    ),
    Normalisation(
        "long date",
        r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) 20\d\d \d\d:\d\d:\d\d [+-]\d{4}",
        "TIME",
        "RFC 1123, in `kubectl describe`",
    ),
    Normalisation("epoch", r"(?<![\w.-])(?:1[6-9]|2\d)\d{8}(?![\w.-])", "EPOCH", "seconds since 1970, in a token's claims"),
    Normalisation("resource version", r"""(resourceVersion"?: "?|resourceVersion=)\d+""", r"\1VERSION", "counts the cluster's writes"),
    Normalisation("namespace", r"\b(lesson-\d\d)-" + _RANDOM + r"\b", r"\1-SUFFIX", "a lesson's namespace is named after the session"),
    Normalisation("token volume", r"\b(kube-api-access)-" + _RANDOM + r"\b", r"\1-SUFFIX", "admission names each volume anew"),
    Normalisation("token Secret", r"\b([a-z0-9-]+-token)-" + _RANDOM + r"\b", r"\1-SUFFIX", "the token controller named each Secret anew"),
    Normalisation("node", r"\b[a-z0-9](?:[a-z0-9-]*[a-z0-9])?-control-plane\b", "NODE", "named after the cluster"),
    Normalisation("cluster", r'\b(cluster) "[^"\n]*"', r'\1 "NAME"', "connect() says which cluster the lesson runs on"),
    Normalisation("kubeconfig context", r"\b(?:kind|labkit)-[a-z0-9][a-z0-9-]*(?=[\s\"',]|$)", "CONTEXT", "named after the cluster"),
    Normalisation("ip", r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{2,5})?(?![\w.]*\w)", "IP", "an address, with its port"),
    Normalisation("age", r"(?m)(?<=   )" + _SPAN + r"(?=   | *$)", "AGE", "a column of `kubectl get`: three blanks before it"),
    Normalisation("ago", r"\(" + _SPAN + r" ago\)", "(AGE ago)", "restarts in `kubectl get pods`"),
    Normalisation(
        "certificate size", r"\b(ca\.crt: +)\d+( bytes)", r"\1N\2", "`kubectl describe` of a token Secret; depends on names in it"
    ),
    Normalisation("patch version", r"\b(v?1\.\d{1,2})\.\d{1,2}(?![\w.])", r"\1.PATCH", "a cluster of the same minor version is as good"),
    Normalisation("columns", r"(?<=\S) {2,}(?=\S)", "  ", "columns are as wide as what varies in them; indentation stays"),
    Normalisation("line ends", r"(?m) +$", "", "the last column is padded as well"),
)


def normalise(text: str) -> str:
    """`text` without what varies."""
    for row in NORMALISATIONS:
        text = row.compiled.sub(row.replacement, text)
    return text


def sanitize_file() -> str:
    """The table in the form that nbval reads (`--nbval-sanitize-with`)."""
    return "\n".join(f"[{row.name}]\nregex: {row.pattern}\nreplace: {row.replacement}\n" for row in NORMALISATIONS)
