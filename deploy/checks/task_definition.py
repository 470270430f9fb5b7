"""Finds what Amazon ECS would refuse in a task definition for Fargate.

First AWS's own model of `RegisterTaskDefinition`, as botocore carries it: unknown keys, types,
required keys, allowed words. Then the rules that ECS keeps beside its model and that
emulators skip; they are those of "Task definition parameters for Fargate" in the ECS
developer guide. Every rule yields one sentence for each breach.
"""

import json
import re
from collections.abc import Iterator
from functools import cache

import botocore.session
from botocore.model import Shape
from botocore.validate import ParamValidator

from placeholders import DEPLOY

# CPU units to MiB of memory, "Task CPU and memory" of the developer guide.
FARGATE_SIZES = json.loads((DEPLOY / "fargate-sizes.json").read_text())
FARGATE_LOG_DRIVERS = {"awslogs", "splunk", "awsfirelens"}
HEALTH_CHECK_RANGES = {
    "interval": (5, 300),
    "timeout": (2, 120),
    "retries": (1, 10),
    "startPeriod": (0, 300),
}
NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
# A secret's ARN ends in six characters of its own; key, stage and version follow together or not at all.
SECRET_ARN = re.compile(
    r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6}(:[^:]*:[^:]*:[^:]*)?"
)
PARAMETER = re.compile(r"(arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter)?/?[\w.-]+(/[\w.-]+)*")


def refusals(task: dict) -> list[str]:
    """What ECS would refuse; empty when the task definition can be registered."""
    found = list(breaches_of_the_model(task))
    # The rules read what the model promises, so they come after it.
    return found or [breach for rule in RULES for breach in rule(task)]


@cache
def register_task_definition() -> Shape:
    """AWS's model of the call's input."""
    model = botocore.session.get_session().get_service_model("ecs")
    return model.operation_model("RegisterTaskDefinition").input_shape


def breaches_of_the_model(task: dict) -> Iterator[str]:
    report = ParamValidator().validate(task, register_task_definition())
    if report.has_errors():
        yield from report.generate_report().splitlines()
    else:
        yield from unknown_words(task, register_task_definition(), "task")


def unknown_words(value, shape: Shape, where: str) -> Iterator[str]:
    """Strings that are none of the words that the model allows: botocore lets them pass."""
    match shape.type_name:
        case "structure":
            for key, member in value.items():
                yield from unknown_words(member, shape.members[key], f"{where}.{key}")
        case "list":
            for index, member in enumerate(value):
                yield from unknown_words(member, shape.member, f"{where}[{index}]")
        case "string" if shape.enum and value not in shape.enum:
            yield f"{where}: {value!r} is none of {', '.join(shape.enum)}"


def containers(task: dict) -> list[dict]:
    return task["containerDefinitions"]


def is_essential(container: dict) -> bool:
    return container.get("essential", True)


def names(task: dict) -> Iterator[str]:
    seen = set()
    for name in [task["family"], *(container.get("name", "") for container in containers(task))]:
        if not NAME.fullmatch(name):
            yield f"{name!r}: a name has 1 to 255 letters, digits, hyphens and underscores"
    for container in containers(task):
        if container.get("name") in seen:
            yield f"{container['name']}: two containers of one name"
        seen.add(container.get("name"))
        if not container.get("image"):
            yield f"{container.get('name')}: no image"


def one_is_essential(task: dict) -> Iterator[str]:
    if not any(map(is_essential, containers(task))):
        yield "no container is essential"


def dependencies(task: dict) -> Iterator[str]:
    by_name = {container["name"]: container for container in containers(task)}
    for container in containers(task):
        for dependency in container.get("dependsOn", []):
            name, condition = dependency["containerName"], dependency["condition"]
            where = f"{container['name']}: dependsOn {name} {condition}"
            other = by_name.get(name)
            if other is None:
                yield f"{where}: there is no such container"
            elif condition in ("SUCCESS", "COMPLETE") and is_essential(other):
                yield f"{where}: needs a container that is not essential"
            elif condition == "HEALTHY" and "healthCheck" not in other:
                yield f"{where}: needs a container with a health check"


def dependencies_end(task: dict) -> Iterator[str]:
    waits_for = {
        container["name"]: {dependency["containerName"] for dependency in container.get("dependsOn", [])}
        for container in containers(task)
    }
    while waits_for:
        free = {name for name, others in waits_for.items() if not others & waits_for.keys()}
        if not free:
            yield f"dependsOn goes round in a circle: {', '.join(sorted(waits_for))}"
            return
        waits_for = {name: others for name, others in waits_for.items() if name not in free}


def fargate(task: dict) -> Iterator[str]:
    if task.get("requiresCompatibilities") != ["FARGATE"]:
        yield "requiresCompatibilities must be FARGATE alone"
    if task.get("networkMode") != "awsvpc":
        yield "Fargate needs networkMode awsvpc"
    for key in ("placementConstraints", "inferenceAccelerators", "ipcMode"):
        if task.get(key):
            yield f"Fargate has no {key}"
    for container in containers(task):
        for key in ("links", "privileged", "dockerSecurityOptions", "extraHosts", "hostname", "disableNetworking"):
            if container.get(key):
                yield f"{container['name']}: Fargate has no {key}"
        added = set(container.get("linuxParameters", {}).get("capabilities", {}).get("add", []))
        if added - {"SYS_PTRACE"}:
            yield f"{container['name']}: Fargate adds no capability but SYS_PTRACE"


def sizes(task: dict) -> Iterator[str]:
    cpu, memory = task.get("cpu", ""), task.get("memory", "")
    if not (memory.isdigit() and int(memory) in FARGATE_SIZES.get(cpu, ())):
        yield f"Fargate has no size of cpu {cpu!r} and memory {memory!r}"
        return
    for key, limit in (("cpu", int(cpu)), ("memory", int(memory))):
        if sum(container.get(key, 0) for container in containers(task)) > limit:
            yield f"the containers' {key} is more than the task's {limit}"


def timeouts(task: dict) -> Iterator[str]:
    for container in containers(task):
        for key in ("startTimeout", "stopTimeout"):
            if not 2 <= container.get(key, 2) <= 120:
                yield f"{container['name']}: {key} {container[key]} is not 2 to 120 seconds"


def mounts(task: dict) -> Iterator[str]:
    volumes = [volume["name"] for volume in task.get("volumes", [])]
    mounted = set()
    for container in containers(task):
        paths = set()
        for mount in container.get("mountPoints", []):
            mounted.add(mount["sourceVolume"])
            if mount["sourceVolume"] not in volumes:
                yield f"{container['name']}: mounts {mount['sourceVolume']}, which is no volume of the task"
            if mount["containerPath"] in paths:
                yield f"{container['name']}: two mounts on {mount['containerPath']}"
            paths.add(mount["containerPath"])
    for volume in task.get("volumes", []):
        if volume.get("host", {}).get("sourcePath") or "dockerVolumeConfiguration" in volume:
            yield f"volume {volume['name']}: Fargate mounts no host path and no Docker volume"
    for name in set(volumes) - mounted:
        yield f"volume {name}: no container mounts it"


def variables(task: dict) -> Iterator[str]:
    for container in containers(task):
        entries = container.get("environment", []) + container.get("secrets", [])
        given = [entry["name"] for entry in entries]
        for name in sorted({name for name in given if given.count(name) > 1}):
            yield f"{container['name']}: {name} is set twice"
        for secret in container.get("secrets", []):
            source = secret["valueFrom"]
            if not (SECRET_ARN.fullmatch(source) or PARAMETER.fullmatch(source)):
                yield f"{container['name']}: {secret['name']}: {source!r} names no secret and no parameter"


def roles(task: dict) -> Iterator[str]:
    arn = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
    for key in ("taskRoleArn", "executionRoleArn"):
        if key in task and not arn.fullmatch(task[key]):
            yield f"{key}: {task[key]!r} is no role's ARN"
    if "executionRoleArn" not in task:
        for container in containers(task):
            if container.get("secrets") or container.get("logConfiguration", {}).get("logDriver") == "awslogs":
                yield f"{container['name']}: secrets and awslogs need an executionRoleArn"


def logs(task: dict) -> Iterator[str]:
    for container in containers(task):
        configuration = container.get("logConfiguration")
        if configuration is None:
            continue
        if configuration["logDriver"] not in FARGATE_LOG_DRIVERS:
            yield f"{container['name']}: Fargate has no log driver {configuration['logDriver']}"
        if configuration["logDriver"] == "awslogs":
            options = configuration.get("options", {})
            for option in ("awslogs-group", "awslogs-region", "awslogs-stream-prefix"):
                if not options.get(option):
                    yield f"{container['name']}: awslogs on Fargate needs {option}"


def ports(task: dict) -> Iterator[str]:
    taken, named = set(), set()
    for container in containers(task):
        for mapping in container.get("portMappings", []):
            port = mapping["containerPort"]
            if mapping.get("hostPort", port) != port:
                yield f"{container['name']}: with awsvpc hostPort is containerPort {port} or left out"
            if (port, mapping.get("protocol", "tcp")) in taken:
                yield f"{container['name']}: port {port} is taken: containers share the task's network"
            taken.add((port, mapping.get("protocol", "tcp")))
            if "appProtocol" in mapping and "name" not in mapping:
                yield f"{container['name']}: port {port}: appProtocol needs a name"
            if mapping.get("name") in named:
                yield f"{container['name']}: two ports named {mapping['name']}"
            named.add(mapping.get("name", port))


def health_checks(task: dict) -> Iterator[str]:
    for container in containers(task):
        check = container.get("healthCheck")
        if check is None:
            continue
        if check["command"][:1] not in (["CMD"], ["CMD-SHELL"]) or len(check["command"]) < 2:
            yield f"{container['name']}: a health check starts with CMD or CMD-SHELL and names a command"
        for key, (least, most) in HEALTH_CHECK_RANGES.items():
            if not least <= check.get(key, least) <= most:
                yield f"{container['name']}: healthCheck {key} {check[key]} is not {least} to {most}"


RULES = [
    names,
    one_is_essential,
    dependencies,
    dependencies_end,
    fargate,
    sizes,
    timeouts,
    mounts,
    variables,
    roles,
    logs,
    ports,
    health_checks,
]
