"""The task role's policy with one part of it missing, and what the binary then says."""

import copy
from collections.abc import Iterator


def allows(policy: dict) -> list[tuple[str, str]]:
    """Statement and action of everything that a policy allows."""
    return [(statement["Sid"], action) for statement in policy["Statement"] for action in statement["Action"]]


def without_statement(policy: dict, sid: str) -> dict:
    """The policy without one statement."""
    return {**policy, "Statement": [each for each in policy["Statement"] if each["Sid"] != sid]}


def without_action(policy: dict, action: str) -> dict:
    """The policy without one action."""
    less = copy.deepcopy(policy)
    for statement in less["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each != action]
    less["Statement"] = [each for each in less["Statement"] if each["Action"]]
    return less


def on_other_resource(policy: dict, sid: str) -> dict:
    """The policy with one statement about something that is not the task's."""
    other = copy.deepcopy(policy)
    for statement in other["Statement"]:
        if statement["Sid"] == sid:
            statement["Resource"] += "-of-somebody-else"
    return other


def lessened(policy: dict) -> Iterator[tuple[str, str, dict]]:
    """Every lessening: what it is, the action that is denied by it, and the policy."""
    for statement in policy["Statement"]:
        sid, first = statement["Sid"], statement["Action"][0]
        yield f"without {sid}", first, without_statement(policy, sid)
        yield f"{sid} on another resource", first, on_other_resource(policy, sid)
    for _, action in allows(policy):
        yield f"without {action}", action, without_action(policy, action)
