"""The roles name exactly what the tasks name: nothing less, nothing more.

What the task role's statements allow is shown by test_least_privilege.py (the binary at
work) and by deploy/ecs-task/test_conditions.py.
"""

from placeholders import load

PROXY = load("task-definitions/proxy.json")
TASKS = [PROXY, load("task-definitions/dispatcher.json")]
CONTAINERS = [container for task in TASKS for container in task["containerDefinitions"]]
INIT = {entry["name"]: entry["value"] for entry in PROXY["containerDefinitions"][0]["environment"]}


def statements(role: str) -> dict:
    return {statement["Sid"]: statement for statement in load(f"iam/{role}.json")["Statement"]}


def resources(statement: dict) -> set[str]:
    named = statement["Resource"]
    return {named} if isinstance(named, str) else set(named)


EXECUTION = statements("execution-role")


def sources(service: str) -> set[str]:
    arns = {secret["valueFrom"] for container in CONTAINERS for secret in container["secrets"]}
    return {arn for arn in arns if arn.split(":")[2] == service}


def test_ecs_may_read_the_secrets_and_parameters_that_it_injects():
    assert resources(EXECUTION["InjectTheSecrets"]) == sources("secretsmanager")
    assert resources(EXECUTION["InjectTheParameters"]) == sources("ssm")


def test_ecs_may_pull_the_images_that_it_runs():
    repositories = {container["image"].split("/")[1].split(":")[0] for container in CONTAINERS}
    assert {arn.rpartition("/")[2] for arn in resources(EXECUTION["PullTheImages"])} == repositories


def test_ecs_may_write_to_the_log_group():
    groups = {container["logConfiguration"]["options"]["awslogs-group"] for container in CONTAINERS}
    arn = "arn:aws:logs:eu-west-1:111122223333:log-group:{}:*"
    assert resources(EXECUTION["WriteTheLogs"]) == {arn.format(group) for group in groups}


def test_the_task_role_names_the_lock_and_the_parameter_of_the_task():
    lock, config = load("iam/task-role.json")["Statement"]
    assert resources(lock) == {f"arn:aws:dynamodb:eu-west-1:111122223333:table/{INIT['LOCK_TABLE']}"}
    assert lock["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"] == [INIT["LOCK_ID"]]
    assert resources(config) == {f"arn:aws:ssm:eu-west-1:111122223333:parameter{INIT['CONFIG_PARAMETER']}"}
    (key,) = load("iam/task-role-customer-key.json")["Statement"]
    assert {key["Condition"]["StringEquals"]["kms:EncryptionContext:PARAMETER_ARN"]} == resources(config)


def test_no_action_has_a_wildcard_and_no_resource_is_open_that_could_be_closed():
    # IAM knows no resource for these.
    open_by_nature = {"LogInToEcr", "TalkToEcsExec", "SeeWhatParametersAre"}
    for role in ("task-role", "task-role-customer-key", "execution-role", "ecs-exec", "operator"):
        for sid, statement in statements(role).items():
            assert not any("*" in action for action in statement["Action"])
            assert ("*" in resources(statement)) == (sid in open_by_nature), sid
