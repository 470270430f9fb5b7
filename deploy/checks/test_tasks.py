"""The two task definitions keep what docs/compute-layer.md promises of them."""

import re

import pytest

from placeholders import DEPLOY, EXAMPLES, PLACEHOLDER, load
from task_definition import refusals

TASKS = ["task-definitions/proxy.json", "task-definitions/dispatcher.json"]


def container(task: dict, name: str) -> dict:
    return next(each for each in task["containerDefinitions"] if each["name"] == name)


def environment(of: dict) -> dict:
    return {entry["name"]: entry["value"] for entry in of.get("environment", [])}


def sources(of: dict) -> dict:
    return {entry["name"]: entry["valueFrom"] for entry in of.get("secrets", [])}


@pytest.fixture(name="proxy_task")
def _proxy_task():
    return load(TASKS[0])


@pytest.fixture(name="init")
def _init(proxy_task):
    return container(proxy_task, "llm-proxy-init")


@pytest.fixture(name="proxy")
def _proxy(proxy_task):
    return container(proxy_task, "llm-proxy")


@pytest.fixture(name="dispatcher")
def _dispatcher():
    return container(load(TASKS[1]), "llm-proxy-dispatcher")


@pytest.mark.parametrize("path", TASKS)
def test_ecs_would_register_it(path):
    assert refusals(load(path)) == []


@pytest.mark.parametrize("path", TASKS)
def test_it_runs_on_fargate_and_arm64(path):
    task = load(path)
    assert task["requiresCompatibilities"] == ["FARGATE"]
    assert task["runtimePlatform"] == {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}
    assert (task["cpu"], task["memory"]) == ("256", "512")


@pytest.mark.parametrize("path", TASKS)
def test_nobody_runs_as_root_and_everybody_logs_without_waiting(path):
    for each in load(path)["containerDefinitions"]:
        assert each["user"] == "100:101"
        options = each["logConfiguration"]["options"]
        assert (options["awslogs-group"], options["mode"]) == ("/ecs/llm-proxy", "non-blocking")


@pytest.mark.parametrize("path", TASKS)
def test_secrets_are_never_in_the_open(path):
    for each in load(path)["containerDefinitions"]:
        assert not environment(each).keys() & {"MANAGEMENT_TOKEN", "DATABASE_URL", "REDIS_URL", "REDIS_CACHE_URL"}


def test_the_proxy_starts_only_after_the_init_container_has_succeeded(init, proxy):
    assert init["essential"] is False
    assert proxy["dependsOn"] == [{"containerName": "llm-proxy-init", "condition": "SUCCESS"}]
    # Fargate caps it at 120 s, less than the init container may have to wait for the lock.
    assert "startTimeout" not in init


def test_the_config_file_is_written_where_the_proxy_reads_it(init, proxy):
    path = environment(init)["CONFIG_PATH"]
    assert environment(proxy)["API_CONFIG_PATH"] == path == "/config/api_providers.yaml"
    volume = {"sourceVolume": "config", "containerPath": "/config"}
    assert init["mountPoints"] == [{**volume, "readOnly": False}]
    assert proxy["mountPoints"] == [{**volume, "readOnly": True}]


def test_the_root_is_read_only_where_ecs_exec_needs_no_writable_one(init, proxy, dispatcher):
    assert init["readonlyRootFilesystem"] is True
    for served_by_exec in (proxy, dispatcher):
        assert "readonlyRootFilesystem" not in served_by_exec
        assert served_by_exec["linuxParameters"]["initProcessEnabled"] is True


def test_the_application_gets_its_secrets_from_ecs(proxy, dispatcher):
    given = sources(proxy)
    assert given["MANAGEMENT_TOKEN"] == EXAMPLES["MANAGEMENT_TOKEN_SECRET_ARN"]
    assert given["DATABASE_URL"] == EXAMPLES["DATABASE_URL_SECRET_ARN"]
    assert given["REDIS_URL"] == given["REDIS_CACHE_URL"] == EXAMPLES["REDIS_URL_SECRET_ARN"]
    for name in ("LOG_LEVEL", "DB_DRIVER", "REDIS_ADDR"):
        assert given[name].endswith(":parameter/llm-proxy/" + name.lower().replace("_", "-"))
    assert sources(dispatcher) == given


def test_the_health_checks_ask_what_there_is(proxy, dispatcher):
    assert proxy["healthCheck"]["command"][-1] == "http://127.0.0.1:8080/health"
    assert {mapping["containerPort"] for mapping in proxy["portMappings"]} == {8080, 8081}
    # It serves no HTTP. The name alone: a command line would find the check itself.
    assert dispatcher["healthCheck"]["command"] == ["CMD", "pgrep", "-x", "llm-proxy"]
    assert dispatcher["command"][0] == "dispatcher"


def settings_in_the_readme() -> set[str]:
    return set(re.findall(r"^\| `([A-Z_]+)` \|", (DEPLOY.parent / "README.md").read_text(), re.MULTILINE))


def test_the_init_container_is_given_only_settings_that_it_has(init):
    own = {name for name in environment(init).keys() | sources(init).keys() if not name.startswith("AWS_")}
    assert own <= settings_in_the_readme()


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("task-definitions/*.json")) + sorted(DEPLOY.glob("iam/*.json")))
def test_every_placeholder_is_documented(path):
    documented = set(PLACEHOLDER.findall((DEPLOY / "README.md").read_text()))
    used = set(PLACEHOLDER.findall(path.read_text()))
    assert used <= documented, used - documented
