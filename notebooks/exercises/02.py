"""Exercises of lesson 02."""

from labkit.lab.exercises import EMPTY, Exercise, Wrong
from labkit.lab.lab import Lab

TEAM = {"reader", "writer"}


def night_team(lab: Lab) -> str | None:
    there = set(lab.names("serviceaccounts"))
    labelled = {account.name for account in lab.list("serviceaccounts", labels="team=night")}
    if not TEAM & there and not labelled:
        return EMPTY
    if missing := sorted(TEAM - there):
        return f"there is no account {missing[0]!r} yet."
    if unlabelled := sorted(TEAM - labelled):
        return f"account {unlabelled[0]!r} does not carry the label team=night."
    if strangers := sorted(labelled - TEAM):
        return f"account {strangers[0]!r} carries the label team=night too, and is not of the team."
    return None


MAKE = "%kubectl create serviceaccount reader\n%kubectl create serviceaccount writer"
MANIFEST = """\
%%kubectl apply -f -
apiVersion: v1
kind: ServiceAccount
metadata:
  name: reader
  labels:
    team: night
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: writer
  labels:
    team: night"""
PYTHON = """\
for name in ("reader", "writer"):
    lab.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "labels": {"team": "night"}}})"""

EXERCISES = (
    Exercise(
        name="night-team",
        check=night_team,
        hints=(
            "Two steps: make the accounts, then label them. `%kubectl label --help` shows how a label is set.",
            "`kubectl label serviceaccount` takes several names, and after them `key=value`.",
            "`%kubectl create serviceaccount reader`, the same for writer, then `%kubectl label serviceaccount reader writer team=night`",
        ),
        solution=f"{MAKE}\n%kubectl label serviceaccount reader writer team=night",
        praise="Both accounts are there, and a selector finds exactly them.",
        also_right=(MANIFEST, PYTHON),
        wrong=(
            Wrong("", says="Nothing to check yet"),
            Wrong("%kubectl create serviceaccount reader", says="no account 'writer'"),
            Wrong(f"{MAKE}\n%kubectl label serviceaccount reader team=night", says="'writer' does not carry the label"),
            Wrong(f"{MAKE}\n%kubectl label serviceaccount --all team=night", says="'default' carries the label team=night too"),
        ),
    ),
)
