"""proxy.json itself, run on one machine: users, mounts, read-only roots, dependsOn, exit codes, signals."""

import hashlib
import json
import subprocess

import pytest

from account import PARAMETER, PROVIDERS
from ecs import HOST, Task, containers, fakecloud, podman, prepare, push_images, rewritten, run_task
from least_privilege import without_action
from placeholders import load
from servers import postgres, postgres_programs, query, wait_until

INIT, PROXY = "llm-proxy-init", "llm-proxy"


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fakecloud")


@pytest.fixture(name="account", scope="module")
def _account(folder):
    with fakecloud(folder) as account:
        push_images(account)
        yield account


@pytest.fixture(name="server", scope="module")
def _server():
    with postgres(everywhere=True) as url:
        yield url


@pytest.fixture(name="secrets", scope="module")
def _secrets(account, server):
    return prepare(account, server.replace("127.0.0.1", HOST))


@pytest.fixture(name="database")
def _database(server):
    """The database as it was at first: the service's own."""
    query(server, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return server


@pytest.fixture(name="start")
def _start(account, secrets, database, folder):
    """Runs a task; it is stopped when the test ends."""
    tasks = []

    def start(config: str | None = PROVIDERS) -> Task:
        if config is not None:
            account.put_parameter(PARAMETER, config, Overwrite=True)
        tasks.append(run_task(account, rewritten(account, secrets), folder))
        return tasks[-1]

    yield start
    for task in tasks:
        if task.described()["lastStatus"] != "STOPPED":
            task.stop()
            wait_until(lambda: task.described()["lastStatus"] == "STOPPED", "the end of a task")
    account.client("ssm").delete_parameters(Names=[PARAMETER])


def inspect(container: str) -> dict:
    return json.loads(podman("container", "inspect", container))[0]


def applied(database: str) -> str:
    return query(database, "SELECT coalesce(max(version_id), 0) FROM goose_db_version")


def test_the_init_container_succeeds_and_the_proxy_reads_its_config(start, account, database):
    task = start()
    task.wait_for("RUNNING")
    init = inspect(task.container(INIT))
    assert (init["State"]["Status"], init["State"]["ExitCode"]) == ("exited", 0)
    assert applied(database) == "6"
    assert account.lock() is None

    wait_until(lambda: "process 1" in podman("logs", task.container(PROXY)), "the proxy's log")
    seen = podman("logs", task.container(PROXY)).splitlines()
    assert f"config {hashlib.sha256(PROVIDERS.encode()).hexdigest()}" in seen
    assert "driver postgres, level info, redis redis:6379" in seen
    # The health check of proxy.json, by podman; then by HTTP.
    check = ["podman", "healthcheck", "run", task.container(PROXY)]
    wait_until(lambda: subprocess.run(check, capture_output=True).returncode == 0, "health")
    assert podman("exec", task.container(PROXY), "wget", "-q", "-O", "-", "http://127.0.0.1:8080/health") == "ok"


def test_users_mounts_and_read_only_roots_are_those_of_the_file(start):
    task = start()
    task.wait_for("RUNNING")
    init, proxy = inspect(task.container(INIT)), inspect(task.container(PROXY))
    assert (init["Config"]["User"], proxy["Config"]["User"]) == ("100:101", "100:101")
    assert (init["HostConfig"]["ReadonlyRootfs"], proxy["HostConfig"]["ReadonlyRootfs"]) == (True, False)
    assert [[(each["Destination"], each["RW"]) for each in of["Mounts"]] for of in (init, proxy)] == [
        [("/config", True)],
        [("/config", False)],
    ]
    assert init["EffectiveCaps"] in (None, [])
    assert proxy["HostConfig"]["Init"] is True
    assert proxy["Config"]["StopTimeout"] == 120
    seen = podman("logs", task.container(PROXY)).splitlines()
    assert {"user 100:101", "volume read-only", "process 1 is podman-init"} <= set(seen)


@pytest.mark.parametrize(
    "config, code, words",
    [(None, 78, "ssm:GetParameter"), ("apis: {}", 65, "apis"), ("}{", 65, "YAML")],
    ids=["no parameter", "no providers", "no YAML"],
)
def test_when_the_init_container_fails_the_proxy_never_starts(config, code, words, start):
    task = start(config)
    ended = task.wait_for("STOPPED")
    assert ended["stopCode"] == "TaskFailedToStart"
    assert f"exited with code {code}" in ended["stoppedReason"]
    last = json.loads(task.kept_log(INIT).splitlines()[-1])
    assert last["exit_code"] == code and words in last["message"]
    assert task.container(PROXY) not in containers()


def test_with_a_right_missing_the_proxy_never_starts(start, account):
    """The credentials are the task role's, from the agent's address, and IAM is enforced."""
    iam, less = account.client("iam"), without_action(load("iam/task-role.json"), "dynamodb:PutItem")
    role = {"RoleName": "llm-proxy-task", "PolicyName": "task-role"}
    iam.put_role_policy(**role, PolicyDocument=json.dumps(less))
    try:
        task = start()
        ended = task.wait_for("STOPPED")
    finally:
        iam.put_role_policy(**role, PolicyDocument=json.dumps(load("iam/task-role.json")))
    assert "exited with code 77" in ended["stoppedReason"]
    assert "assumed-role/llm-proxy-task" in task.kept_log(INIT)


def test_stopped_mid_way_it_rolls_back_and_releases(start, account, database):
    """Another session holds up the first migration; the task is stopped meanwhile."""
    psql = [str(postgres_programs() / "psql"), "-X", "-q", database]
    with subprocess.Popen(psql, stdin=subprocess.PIPE, text=True) as other:
        other.stdin.write("BEGIN; CREATE TABLE projects (id text);\n")
        other.stdin.flush()
        held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'"
        wait_until(lambda: query(database, held) != "0", "the other session")
        task = start()
        ours = "FROM pg_stat_activity WHERE application_name LIKE 'llm-proxy-init/%'"
        wait_until(lambda: query(database, f"SELECT count(*) {ours} AND wait_event_type = 'Lock'") == "1", "the migration")
        assert account.lock() is not None
        task.stop()
        task.wait_for("STOPPED")
        assert json.loads(task.kept_log(INIT).splitlines()[-1])["exit_code"] == 143
        assert account.lock() is None
        assert query(database, f"SELECT count(*) {ours}") == "0"
        assert task.container(PROXY) not in containers()
        other.stdin.write("ROLLBACK;\n")
    # Nothing is left of it, and the next task has everything to do.
    assert query(database, "SELECT to_regclass('projects') IS NULL") == "t"
    start().wait_for("RUNNING")
    assert applied(database) == "6"


def test_a_stopped_task_ends_the_proxy_by_sigterm(start):
    task = start()
    task.wait_for("RUNNING")
    wait_until(lambda: "process 1" in podman("logs", task.container(PROXY)), "the proxy's log")
    task.stop()
    ended = task.wait_for("STOPPED")
    codes = {container["name"]: container.get("exitCode") for container in ended["containers"]}
    assert codes == {INIT: 0, PROXY: 143}
    # What both have written is in CloudWatch Logs.
    assert "volume read-only" in task.log() and "done: the proxy may start" in task.log()
