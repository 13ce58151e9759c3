"""Tokens by themselves: keys, claims, signing, checking a signature, and the issuer's public documents. No cluster is asked here."""
