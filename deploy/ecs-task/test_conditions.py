"""The conditions of the roles' policies, in an emulator that takes them into account.

It enforces IAM on DynamoDB, not on SSM; deploy/checks/test_least_privilege.py does both, without conditions.
"""

import copy
import json

import pytest

from account import PARAMETER, PROVIDERS, Account
from ecs import fakecloud
from job import run
from placeholders import EXAMPLES, load
from servers import postgres, query

POLICY = load("iam/task-role.json")
KEY_ARN = EXAMPLES["CONFIG_KEY_ARN"]
THROUGH_SSM = {
    "kms:ViaService": "ssm.eu-west-1.amazonaws.com",
    "kms:EncryptionContext:PARAMETER_ARN": f"arn:aws:ssm:eu-west-1:{EXAMPLES['ACCOUNT_ID']}:parameter{PARAMETER}",
}


@pytest.fixture(name="account", scope="module")
def _account(tmp_path_factory):
    with fakecloud(tmp_path_factory.mktemp("iam")) as account:
        account.create_lock_table()
        account.put_parameter(PARAMETER, PROVIDERS, Type="SecureString")
        yield account


@pytest.fixture(name="database", scope="module")
def _database():
    with postgres() as url:
        yield url


def test_the_whole_policy_is_enough_for_the_whole_job(account, database, tmp_path):
    done = run(account.role("whole", POLICY), database, tmp_path / "api_providers.yaml")
    assert done.code == 0, done.log
    assert query(database, "SELECT max(version_id) FROM goose_db_version") == "6"


def test_another_lock_of_the_same_table_is_out_of_reach(account, database, tmp_path):
    query(database, "CREATE DATABASE other")
    role, url = account.role("other", POLICY), database.replace("/postgres", "/other")
    done = run(role, url, tmp_path / "api_providers.yaml", LOCK_ID="other")
    (error,) = done.errors()
    assert (done.code, "dynamodb:PutItem" in error) == (77, True), done.log
    # It is the condition that says so.
    unconditional = copy.deepcopy(POLICY)
    del unconditional["Statement"][0]["Condition"]
    role = account.role("unconditional", unconditional)
    assert run(role, url, tmp_path / "api_providers.yaml", LOCK_ID="other").code == 0


def decision(account: Account, context: dict[str, str]) -> str:
    """What IAM would say to kms:Decrypt under these circumstances."""
    entries = [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in context.items()
    ]
    simulated = account.client("iam").simulate_custom_policy(
        PolicyInputList=[json.dumps(load("iam/task-role-customer-key.json"))],
        ActionNames=["kms:Decrypt"],
        ResourceArns=[KEY_ARN],
        ContextEntries=entries,
    )
    return simulated["EvaluationResults"][0]["EvalDecision"]


def test_the_customer_key_opens_the_one_parameter_through_ssm_alone(account):
    assert decision(account, THROUGH_SSM) == "allowed"
    for key in THROUGH_SSM:
        assert decision(account, {**THROUGH_SSM, key: "something else"}) == "implicitDeny"
        assert decision(account, {other: THROUGH_SSM[other] for other in THROUGH_SSM if other != key}) == "implicitDeny"
