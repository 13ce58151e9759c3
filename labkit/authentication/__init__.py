"""Who is asking: client certificates, Secret-based and bound tokens (upstream-rules section 6)."""

from labkit.authentication.authenticator import Authenticated, AuthenticationError, Authenticator, TokenCache

__all__ = ["Authenticated", "AuthenticationError", "Authenticator", "TokenCache"]
