"""Every rule of task_definition.py refuses a task definition that breaks it once."""

import copy

import pytest

from placeholders import load
from task_definition import RULES, breaches_of_the_model, refusals

INIT, PROXY = 0, 1


def at(task: dict, path: str):
    """The part of a task definition that a path such as `containerDefinitions.0.user` leads to."""
    part = task
    for step in path.split(".") if path else []:
        part = part[int(step)] if step.isdigit() else part[step]
    return part


def put(path: str, value):
    """A break: sets one key."""
    *parent, key = path.split(".")

    def breaking(task):
        at(task, ".".join(parent))[int(key) if key.isdigit() else key] = value

    return breaking


def drop(path: str):
    """A break: removes one key."""
    *parent, key = path.split(".")

    def breaking(task):
        del at(task, ".".join(parent))[int(key) if key.isdigit() else key]

    return breaking


def init(key: str, value):
    return put(f"containerDefinitions.{INIT}.{key}", value)


def proxy(key: str, value):
    return put(f"containerDefinitions.{PROXY}.{key}", value)


SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:llm-proxy/url"
BREAKS = [
    # AWS's model
    (put("familly", "x"), 'Unknown parameter in input: "familly"'),
    (init("read_only", True), 'Unknown parameter in containerDefinitions[0]: "read_only"'),
    (proxy("mountPoints.0.readonly", True), 'Unknown parameter in containerDefinitions[1].mountPoints[0]: "readonly"'),
    (proxy("dependsOn.0", {"containerName": "llm-proxy-init"}), "Missing required parameter"),
    (put("cpu", 256), "Invalid type for parameter cpu"),
    (proxy("dependsOn.0.condition", "SUCCEEDED"), "'SUCCEEDED' is none of START, COMPLETE, SUCCESS, HEALTHY"),
    (put("runtimePlatform.cpuArchitecture", "arm64"), "'arm64' is none of"),
    # names
    (put("family", "llm proxy"), "'llm proxy': a name has"),
    (proxy("name", "llm-proxy-init"), "two containers of one name"),
    (proxy("image", ""), "no image"),
    # one_is_essential
    (proxy("essential", False), "no container is essential"),
    # dependencies, dependencies_end
    (init("essential", True), "dependsOn llm-proxy-init SUCCESS: needs a container that is not essential"),
    (drop(f"containerDefinitions.{INIT}.essential"), "needs a container that is not essential"),
    (proxy("dependsOn.0.condition", "HEALTHY"), "needs a container with a health check"),
    (proxy("dependsOn.0.containerName", "init"), "there is no such container"),
    (init("dependsOn", [{"containerName": "llm-proxy", "condition": "START"}]), "goes round in a circle"),
    # fargate
    (put("requiresCompatibilities", ["EC2"]), "must be FARGATE alone"),
    (put("networkMode", "bridge"), "needs networkMode awsvpc"),
    (put("ipcMode", "task"), "Fargate has no ipcMode"),
    (proxy("privileged", True), "Fargate has no privileged"),
    (proxy("linuxParameters.capabilities", {"add": ["NET_ADMIN"]}), "no capability but SYS_PTRACE"),
    # sizes
    (put("memory", "4096"), "no size of cpu '256' and memory '4096'"),
    (put("cpu", "300"), "no size of cpu '300'"),
    (drop("memory"), "no size of cpu '256' and memory ''"),
    (proxy("memory", 600), "the containers' memory is more than the task's 512"),
    # timeouts
    (init("startTimeout", 360), "startTimeout 360 is not 2 to 120"),
    (init("startTimeout", 1), "startTimeout 1 is not 2 to 120"),
    (proxy("stopTimeout", 121), "stopTimeout 121 is not 2 to 120"),
    # mounts
    (proxy("mountPoints.0.sourceVolume", "conf"), "mounts conf, which is no volume"),
    (put("volumes", [{"name": "config"}, {"name": "spare"}]), "volume spare: no container mounts it"),
    (put("volumes", [{"name": "config", "host": {"sourcePath": "/srv"}}]), "Fargate mounts no host path"),
    (
        proxy("mountPoints", [{"sourceVolume": "config", "containerPath": "/config"}] * 2),
        "two mounts on /config",
    ),
    # variables
    (proxy("environment.0.name", "DATABASE_URL"), "DATABASE_URL is set twice"),
    (proxy("secrets.0.valueFrom", SECRET), "names no secret and no parameter"),
    (proxy("secrets.0.valueFrom", f"{SECRET}-aB3dE6:url"), "names no secret and no parameter"),
    (proxy("secrets.0.valueFrom", "<REDIS_URL_SECRET_ARN>"), "names no secret and no parameter"),
    (proxy("secrets.0.valueFrom", "arn:aws:ssm:eu-west-1:1111:parameter/a"), "names no secret and no parameter"),
    # roles
    (put("taskRoleArn", "llm-proxy-task"), "is no role's ARN"),
    (drop("executionRoleArn"), "secrets and awslogs need an executionRoleArn"),
    # logs
    (init("logConfiguration.logDriver", "json-file"), "no log driver json-file"),
    (drop("containerDefinitions.0.logConfiguration.options.awslogs-stream-prefix"), "needs awslogs-stream-prefix"),
    # ports
    (proxy("portMappings.0.hostPort", 80), "hostPort is containerPort 8080 or left out"),
    (proxy("portMappings.1.containerPort", 8080), "port 8080 is taken"),
    (drop("containerDefinitions.1.portMappings.0.name"), "appProtocol needs a name"),
    (proxy("portMappings.1.name", "api"), "two ports named api"),
    # health_checks
    (proxy("healthCheck.command", ["wget", "http://127.0.0.1"]), "starts with CMD or CMD-SHELL"),
    (proxy("healthCheck.interval", 301), "healthCheck interval 301 is not 5 to 300"),
    (proxy("healthCheck.startPeriod", 301), "healthCheck startPeriod 301 is not 0 to 300"),
]


@pytest.mark.parametrize("breaking, refusal", BREAKS, ids=[refusal for _, refusal in BREAKS])
def test_a_broken_task_definition_is_refused(breaking, refusal):
    task = load("task-definitions/proxy.json")
    assert refusals(task) == []
    broken = copy.deepcopy(task)
    breaking(broken)
    assert any(refusal in found for found in refusals(broken)), refusals(broken)


def test_every_rule_has_a_break():
    """A rule that refuses none of the breaks is one that no test has seen at work."""
    idle = {rule.__name__ for rule in RULES}
    for breaking, _ in BREAKS:
        broken = load("task-definitions/proxy.json")
        breaking(broken)
        if not list(breaches_of_the_model(broken)):
            idle -= {rule.__name__ for rule in RULES if any(rule(broken))}
    assert idle == set()


@pytest.mark.parametrize("value", [f"{SECRET}-aB3dE6", f"{SECRET}-aB3dE6:url::", "/llm-proxy/log-level", "level"])
def test_every_form_of_a_secrets_source_is_accepted(value):
    task = load("task-definitions/proxy.json")
    proxy("secrets.0.valueFrom", value)(task)
    assert refusals(task) == []
