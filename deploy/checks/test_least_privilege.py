"""The task role's policy is enough for the whole job, and no part of it can go.

The emulator enforces actions and resources. That it also takes the conditions into account is
shown where one does: deploy/ecs-task/test_conditions.py.
"""

import pytest

from account import LOCK_TABLE, PARAMETER, PROVIDERS, Account, Credentials
from job import run
from least_privilege import allows, lessened
from placeholders import EXAMPLES, load
from servers import ministack, postgres, query

# In the emulator a key of twelve digits is that account's root.
ROOT = Credentials(EXAMPLES["ACCOUNT_ID"], "secret")
POLICY = load("iam/task-role.json")
LESSENED = list(lessened(POLICY))


@pytest.fixture(name="account", scope="module")
def _account(tmp_path_factory):
    with ministack(tmp_path_factory.mktemp("aws"), AUTH="true") as endpoint:
        account = Account(endpoint, ROOT)
        account.create_lock_table()
        account.put_parameter(PARAMETER, PROVIDERS, Type="SecureString")
        yield account


@pytest.fixture(name="database", scope="module")
def _database():
    with postgres() as url:
        yield url


def test_the_whole_policy_is_enough_for_the_whole_job(account, database, tmp_path):
    config = tmp_path / "api_providers.yaml"
    # Against a database that has no migration yet, so that every step has work.
    query(database, "CREATE DATABASE whole")
    done = run(account.role("whole", POLICY), database.replace("/postgres", "/whole"), config)
    assert done.code == 0, done.log
    assert config.read_text() == PROVIDERS
    applied = query(database.replace("/postgres", "/whole"), "SELECT max(version_id) FROM goose_db_version")
    assert applied == "6"
    assert account.lock() is None


@pytest.mark.parametrize("index", range(len(LESSENED)), ids=[name for name, _, _ in LESSENED])
def test_with_any_part_missing_it_fails_and_names_the_action(index, account, database, tmp_path):
    name, denied, policy = LESSENED[index]
    query(database, f"CREATE DATABASE lessened{index}")
    role = account.role(f"lessened{index}", policy)
    done = run(role, database.replace("/postgres", f"/lessened{index}"), tmp_path / "api_providers.yaml")
    (error,) = done.errors()
    assert denied in error and "AccessDenied" in error
    if name == "without dynamodb:DeleteItem":
        # The work is done by then, so the proxy may start; the others wait out the lease.
        assert done.code == 0 and account.lock() is not None
        account.client("dynamodb").delete_item(TableName=LOCK_TABLE, Key={"lock_id": {"S": "init"}})
    else:
        assert done.code == 77, done.log
        assert account.lock() is None


def test_the_policy_allows_what_the_job_does_and_nothing_else():
    assert {action for _, action in allows(POLICY)} == {
        "dynamodb:PutItem",
        "dynamodb:DeleteItem",
        "ssm:GetParameter",
    }


def test_what_the_policy_does_not_name_is_denied(account):
    role = account.role("curious", POLICY)
    dynamodb = role.client("dynamodb")
    with pytest.raises(dynamodb.exceptions.ClientError, match="AccessDenied"):
        dynamodb.scan(TableName=LOCK_TABLE)
    ssm = role.client("ssm")
    with pytest.raises(ssm.exceptions.ClientError, match="AccessDenied"):
        ssm.get_parameter(Name="/llm-proxy/log-level")
