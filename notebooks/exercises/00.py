"""Exercises of lesson 00."""

from labkit.lab.exercises import EMPTY, Exercise, Wrong
from labkit.lab.lab import Lab


def first_account(lab: Lab) -> str | None:
    made = [name for name in lab.names("serviceaccounts") if name != "default"]
    if "hello" in made:
        return None
    if made:
        return f"there is an account {made[0]!r}, but none called 'hello'."
    return EMPTY


EXERCISES = (
    Exercise(
        name="first-account",
        check=first_account,
        hints=(
            "kubectl has a command that makes a ServiceAccount: `%kubectl create --help` lists what it can create.",
            "It is `%kubectl create serviceaccount`, and after it comes the name.",
            "`%kubectl create serviceaccount hello`",
        ),
        solution="%kubectl create serviceaccount hello",
        praise="Your namespace has an account called hello, and you have seen how an exercise is checked.",
        also_right=(
            'lab.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "hello"}})',
            "%%kubectl apply -f -\napiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: hello",
        ),
        wrong=(
            Wrong("", says="Nothing to check yet"),
            Wrong("%kubectl create serviceaccount helo", says="none called 'hello'"),
            Wrong("%kubectl create configmap hello", says="Nothing to check yet"),
        ),
    ),
)
