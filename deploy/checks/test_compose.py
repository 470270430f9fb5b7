"""compose.yaml is what Docker Compose takes, and wired like the task."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from account import LOCK_TABLE, Account, Credentials
from job import run
from placeholders import DEPLOY, load
from servers import ministack, postgres

INIT, PROXY = load("task-definitions/proxy.json")["containerDefinitions"]


def load_compose(file: Path) -> subprocess.CompletedProcess:
    """Loads a file with the program of the folder compose/, which COMPOSE_LOADER names."""
    # No variable is set: the defaults have to do.
    return subprocess.run([os.environ["COMPOSE_LOADER"], str(file)], env={}, capture_output=True, text=True)


@pytest.fixture(name="services", scope="module")
def _services():
    """The services as Docker Compose has them."""
    loaded = load_compose(DEPLOY / "compose.yaml")
    assert loaded.returncode == 0, loaded.stderr
    return json.loads(loaded.stdout)["services"]


def names(container: dict) -> set[str]:
    """The variables that a container of the task gets."""
    return {entry["name"] for entry in container["environment"] + container["secrets"]}


def mounts(service: dict) -> list[tuple]:
    return [(each["source"], each["target"], each.get("read_only", False)) for each in service["volumes"]]


def test_the_init_container_gets_what_the_task_gives_it(services):
    init = services["init"]
    assert {name for name in init["environment"] if not name.startswith("AWS_")} == names(INIT) - {"AWS_REGION"}
    for entry in INIT["environment"]:
        if entry["name"] != "AWS_REGION":
            assert init["environment"][entry["name"]] == entry["value"]
    assert (init["user"], init["read_only"], init["cap_drop"]) == (INIT["user"], True, ["ALL"])
    assert mounts(init) == [("config", "/config", False)]


def test_the_proxy_gets_what_the_task_gives_it(services):
    proxy = services["proxy"]
    assert proxy["environment"].keys() == names(PROXY)
    for entry in PROXY["environment"]:
        assert proxy["environment"][entry["name"]] == entry["value"]
    assert (proxy["user"], proxy["command"], proxy["init"]) == (PROXY["user"], PROXY["command"], True)
    assert proxy["healthcheck"]["test"] == PROXY["healthCheck"]["command"]
    assert mounts(proxy) == [("config", "/config", True)]


def test_the_proxy_waits_for_the_init_container_to_succeed(services):
    waits = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    assert waits["proxy"] == {"init": "service_completed_successfully", "redis": "service_healthy"}
    assert waits["init"] == {"postgres": "service_healthy", "localstack": "service_healthy"}
    for awaited in ("postgres", "localstack", "redis"):
        assert "healthcheck" in services[awaited]


def test_the_image_of_localstack_is_pinned_and_can_be_chosen(services):
    assert services["localstack"]["image"] == "docker.io/localstack/localstack:4.14.0"
    assert "${LOCALSTACK_IMAGE:-" in (DEPLOY / "compose.yaml").read_text()


def test_a_broken_file_is_refused(tmp_path):
    """A dependency that is not there, and a key that is none."""
    whole = (DEPLOY / "compose.yaml").read_text()
    for right, wrong in (("      redis:\n        condition", "      rediss:\n        condition"), ("read_only", "readonly")):
        broken = tmp_path / "compose.yaml"
        assert right in whole
        broken.write_text(whole.replace(right, wrong))
        refused = load_compose(broken)
        assert refused.returncode == 1 and wrong.strip().split(":")[0] in refused.stderr, refused.stderr


def test_what_localstack_runs_makes_the_account_that_the_job_needs(tmp_path):
    """account.sh with the AWS CLI in the place of awslocal, on an emulator; then the job itself."""
    (tmp_path / "aws").mkdir()
    awslocal = tmp_path / "awslocal"
    awslocal.write_text(f'#!/bin/sh\nexec "{Path(sys.executable).parent}/aws" --endpoint-url "$ENDPOINT" "$@"\n')
    awslocal.chmod(0o755)
    # The path that the file has in LocalStack's container.
    script = (DEPLOY / "compose/account.sh").read_text()
    script = script.replace("/etc/llm-proxy/api_providers.yaml", str(DEPLOY / "compose/api_providers.yaml"))
    key = Credentials("test", "test")
    with ministack(tmp_path / "aws") as endpoint, postgres() as database:
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ENDPOINT": endpoint, **key.environment()}
        subprocess.run(["/bin/sh", "-c", script], env=environment, check=True, stdout=subprocess.DEVNULL)
        account, config = Account(endpoint, key), tmp_path / "api_providers.yaml"
        done = run(account, database, config)
        assert done.code == 0, done.log
        assert config.read_text() == (DEPLOY / "compose/api_providers.yaml").read_text()
        forgets = account.client("dynamodb").describe_time_to_live(TableName=LOCK_TABLE)["TimeToLiveDescription"]
        assert forgets["AttributeName"] == "expires_at"
