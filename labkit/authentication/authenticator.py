"""The chain of authenticators: client certificate, Secret-based token, bound token (AUT-1 to AUT-4, AUT-10).

Upstream: pkg/kubeapiserver/authenticator/config.go, pkg/serviceaccount/jwt.go. Anonymous requests are the pipeline's decision.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from labkit.authentication.bound import check_bound
from labkit.authentication.cache import TokenCache
from labkit.authentication.identity import CREDENTIAL_ID, Authenticated, AuthenticationError
from labkit.authentication.legacy import check_legacy
from labkit.kube.calls import Note, Rule
from labkit.kube.users import AUTHENTICATED_GROUP, UserInfo
from labkit.kube.versions import Era
from labkit.tokens.claims import LEGACY_ISSUER
from labkit.tokens.keys import PublicKey
from labkit.tokens.verifier import TokenError, verify

INVALID_BEARER_TOKEN = "invalid bearer token"  # a text, no token
LEGACY_ANNOTATION = "authentication.k8s.io/legacy-token"
_KNOWN_GROUPS = frozenset({"system:authenticated", "system:unauthenticated"})

Certificate = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Authenticator:
    """The API server's authenticator.

    Args:
        issuers: accepted for bound tokens; the first one also signs (SGN-4).
        api_audiences: the server's own audiences; empty means its issuers.
        keys: the keys that tokens are checked with.
        era: decides on texts, orders and gates.
        lookup: whether Secret-based tokens are looked up; None is the era's default (AUT-13).
        cache: of accepted tokens.
    """

    issuers: tuple[str, ...]
    keys: tuple[PublicKey, ...]
    era: Era = field(default_factory=Era)
    api_audiences: tuple[str, ...] = ()
    lookup: bool | None = None
    cache: TokenCache = field(default_factory=TokenCache, compare=False)

    @property
    def audiences(self) -> tuple[str, ...]:
        """The server's own audiences."""
        return self.api_audiences or self.issuers

    def authenticate(
        self,
        header: str | None,
        peer: Certificate | None,
        now: datetime,
        audiences: tuple[str, ...] = (),
        *,
        fingerprint: str = "",
    ) -> Rule[Authenticated | None]:
        """Who sent the request; None where it carries no credentials.

        A certificate is looked at before a token. Successful users are in `system:authenticated` (AUT-4).

        Args:
            header: the `Authorization` header.
            peer: common name and organizations of a verified client certificate.
            audiences: what the token has to be good for; empty means the server's own.
            fingerprint: hex SHA-256 of the certificate, which makes its credential id.

        Raises:
            AuthenticationError: there are credentials, and they are not accepted (AUT-3).
        """
        wanted = audiences or self.audiences
        if peer is not None:
            return Authenticated(_with_group(self._certificate_user(peer, fingerprint)), wanted)
        token = bearer_token(header)
        if token is None:
            return None
        found = self.cache.get(token, wanted, now)
        if found is not None:
            yield Note("AUT-2", "remembered", {"user": found.user.name})
            return found
        found = yield from self._judge(token, wanted, now)
        found = replace(found, user=_with_group(found.user))
        self.cache.put(token, wanted, now, found)
        return found

    def _certificate_user(self, peer: Certificate, fingerprint: str) -> UserInfo:
        extra = {CREDENTIAL_ID: (f"X509SHA256={fingerprint}",)} if fingerprint and self.era.since("1.32") else {}
        return UserInfo(peer[0], tuple(peer[1]), extra=extra)

    def _judge(self, token: str, wanted: tuple[str, ...], now: datetime) -> Rule[Authenticated]:
        """Ask each authenticator of tokens; the first that accepts wins, else all their complaints together are the answer.

        Upstream puts the authenticator of its own in-process client in front, which knows no token but one: hence the first text.
        """
        errors = [INVALID_BEARER_TOKEN]
        for legacy, issuers in ((True, (LEGACY_ISSUER,)), (False, self._bound_issuers())):
            try:
                found = yield from self._ask(token, issuers, wanted, now, legacy=legacy)
            except (AuthenticationError, TokenError) as error:
                yield Note("AUT-1", "refused", {"legacy": legacy, "why": str(error)})
                errors.append(str(error))
            else:
                if found is not None:
                    return found
        unique = list(dict.fromkeys(errors))
        raise AuthenticationError(unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]")

    def _bound_issuers(self) -> tuple[str, ...]:
        if not self.era.enabled("TokenRequest"):
            return ()
        return self.issuers if self.era.since("1.22") else self.issuers[:1]

    def _ask(
        self, token: str, issuers: Collection[str], wanted: tuple[str, ...], now: datetime, *, legacy: bool
    ) -> Rule[Authenticated | None]:
        verified = verify(token, self.keys, issuers, self.era)
        if verified is None:
            return None
        claims = verified.claims
        audit: dict[str, str] = {}
        good_for: Sequence[str] = claims.get("aud") or ()
        if not good_for:
            audit[LEGACY_ANNOTATION] = claims.get("sub") or ""
            good_for = self.audiences
        common = tuple(audience for audience in good_for if audience in wanted)
        if not common and self.audiences:
            raise AuthenticationError(f"token audiences {_quoted(good_for)} is invalid for the target audiences {_quoted(wanted)}")
        if legacy:
            lookup = self.era.since("1.7") if self.lookup is None else self.lookup
            found = yield from check_legacy(token, claims, now, self.era, lookup=lookup)
        else:
            found = yield from check_bound(claims, now, self.era)
        return replace(found, audiences=common, audit={**audit, **found.audit})


def bearer_token(header: str | None) -> str | None:
    """The token in an `Authorization` header, or None where it holds none (AUT-3).

    Two blanks after `Bearer` are no token, a word after the token is ignored (corrections 19).
    """
    parts = (header or "").strip().split(" ", 2)
    if len(parts) < 2 or parts[0].lower() != "bearer" or not parts[1]:
        return None
    return parts[1]


def _with_group(user: UserInfo) -> UserInfo:
    return user if _KNOWN_GROUPS & set(user.groups) else replace(user, groups=(*user.groups, AUTHENTICATED_GROUP))


def _quoted(texts: Sequence[str]) -> str:
    """As Go shows a list of strings with %q."""
    return f"[{' '.join(json.dumps(text, ensure_ascii=False) for text in texts)}]"


__all__ = ["INVALID_BEARER_TOKEN", "Authenticated", "AuthenticationError", "Authenticator", "TokenCache", "bearer_token"]
