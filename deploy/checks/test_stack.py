"""The templates, created by CloudFormation in an AWS emulator, and what is there afterwards.

The emulator passes over five resources of types that it does not know (SKIPPED); deploy/cdk/test
and cfn-lint look at those.
"""

import ast
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from account import LOCK_TABLE, Account, Credentials
from placeholders import DEPLOY, EXAMPLES, REGION, load
from servers import answers, free_port, running, wait_until

SKIPPED = {
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::ECS::ClusterCapacityProviderAssociations",
}
SECRETS = ["MANAGEMENT_TOKEN_SECRET_ARN", "DATABASE_URL_SECRET_ARN", "REDIS_URL_SECRET_ARN"]


@dataclass
class Stack:
    """A stack that exists."""

    outputs: dict[str, str]
    # Physical ids by type, in the template's order.
    resources: dict[str, list[str]] = field(default_factory=dict)


def template(name: str) -> dict:
    return json.loads((DEPLOY / f"cloudformation/{name}.template.json").read_text())


@pytest.fixture(name="account", scope="module")
def _account(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("moto"), free_port()
    # In the emulator everybody is this account.
    environment = {"PATH": os.environ["PATH"], "MOTO_ACCOUNT_ID": EXAMPLES["ACCOUNT_ID"]}
    program = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    endpoint = f"http://127.0.0.1:{port}"
    with running(program, lambda: answers(f"{endpoint}/moto-api/"), folder, env=environment):
        yield Account(endpoint, Credentials("key", "secret"))


def create(account: Account, name: str, parameters: dict[str, str]) -> Stack:
    """Creates a stack and waits for its end."""
    cloudformation = account.client("cloudformation")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    body = json.dumps(template(name))
    cloudformation.create_stack(StackName=name, TemplateBody=body, Parameters=given, Capabilities=["CAPABILITY_IAM"])

    def described() -> dict:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]

    wait_until(lambda: not described()["StackStatus"].endswith("IN_PROGRESS"), name)
    assert described()["StackStatus"] == "CREATE_COMPLETE", described()
    stack = Stack({output["OutputKey"]: output["OutputValue"] for output in described()["Outputs"]})
    for resource in cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]:
        stack.resources.setdefault(resource["ResourceType"], []).append(resource.get("PhysicalResourceId", ""))
    return stack


@pytest.fixture(name="network", scope="module")
def _network(account):
    """What is in an account before: a VPC, the data stores' security groups, the secrets."""
    ec2, secrets = account.client("ec2"), account.client("secretsmanager")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{net}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for net, zone in enumerate(["eu-west-1a", "eu-west-1b"])
    ]
    groups = [
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for name in ("database", "redis")
    ]
    arns = [secrets.create_secret(Name=f"llm-proxy/{name}", SecretString="x")["ARN"] for name in SECRETS]
    return {
        "VpcId": vpc,
        "PrivateSubnetA": subnets[0],
        "PrivateSubnetB": subnets[1],
        "DatabaseSecurityGroupId": groups[0],
        "RedisSecurityGroupId": groups[1],
        "ManagementTokenSecretArn": arns[0],
        "DatabaseUrlSecretArn": arns[1],
        "RedisUrlSecretArn": arns[2],
        "InitTag": EXAMPLES["INIT_TAG"],
        "ProxyTag": EXAMPLES["PROXY_TAG"],
    }


@pytest.fixture(name="stack", scope="module")
def _stack(account, network):
    create(account, "LlmProxyRepositories", {})
    return create(account, "LlmProxyCompute", network)


def test_every_resource_is_created_but_those_that_the_emulator_does_not_know(stack):
    wanted = [resource["Type"] for resource in template("LlmProxyCompute")["Resources"].values()]
    there = [kind for kind, ids in stack.resources.items() for _ in ids if kind]
    assert sorted(there) == sorted(kind for kind in wanted if kind not in SKIPPED)


def test_the_repositories_are_there(account, stack):
    described = account.client("ecr").describe_repositories()["repositories"]
    assert {each["repositoryName"] for each in described} == {"llm-proxy-init", "llm-proxy"}
    assert {each["imageTagMutability"] for each in described} == {"IMMUTABLE"}


def test_the_lock_table_is_what_the_binary_asks_for(account, stack):
    # The emulator leaves TimeToLiveSpecification out; deploy/cdk/test looks at it.
    table = account.client("dynamodb").describe_table(TableName=stack.outputs["LockTableName"])["Table"]
    assert table["KeySchema"] == [{"AttributeName": "lock_id", "KeyType": "HASH"}]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.parametrize("task", ["proxy", "dispatcher"])
def test_the_containers_are_those_of_the_task_json(task, account, network, stack):
    values = {
        **EXAMPLES,
        **dict(zip(SECRETS, [network[f"{name}SecretArn"] for name in ("ManagementToken", "DatabaseUrl", "RedisUrl")])),
    }
    wanted = json.dumps(load(f"task-definitions/{task}.json", values)["containerDefinitions"])
    (log_group,) = stack.resources["AWS::Logs::LogGroup"]
    wanted = json.loads(wanted.replace(LOCK_TABLE, stack.outputs["LockTableName"]).replace("/ecs/llm-proxy", log_group))
    family = load(f"task-definitions/{task}.json")["family"]
    described = account.client("ecs").describe_task_definition(taskDefinition=family)["taskDefinition"]
    for container, there in zip(wanted, described["containerDefinitions"], strict=True):
        for key, value in container.items():
            assert there[key] == value, (container["name"], key)


def test_the_services_run_those_tasks(account, stack):
    ecs = account.client("ecs")
    names = [stack.outputs["ProxyServiceName"], stack.outputs["DispatcherServiceName"]]
    services = ecs.describe_services(cluster=stack.outputs["ClusterName"], services=names)["services"]
    families = [service["taskDefinition"].rpartition("/")[2].split(":")[0] for service in services]
    assert families == ["llm-proxy", "llm-proxy-dispatcher"]


def statements(account: Account, role: str) -> list[dict]:
    """All statements that a role has."""
    iam = account.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    # The emulator gives a template's policies back as Python writes them.
    return [statement for document in map(ast.literal_eval, documents) for statement in document["Statement"]]


def test_the_task_role_names_the_table_of_the_stack(account, stack):
    (role,) = [name for name in stack.resources["AWS::IAM::Role"] if "ProxyTaskRole" in name]
    allowed = {statement["Sid"]: statement for statement in statements(account, role)}
    wanted = {statement["Sid"]: statement for statement in load("iam/task-role.json")["Statement"]}
    lock = wanted["TakeRenewAndReleaseTheLock"]
    lock["Resource"] = lock["Resource"].replace(LOCK_TABLE, stack.outputs["LockTableName"])
    assert {sid: allowed[sid] for sid in wanted} == wanted
    assert set(allowed) - set(wanted) == {"TalkToEcsExec"}


def test_the_load_balancer_sends_to_the_tasks(account, stack):
    elb = account.client("elbv2")
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    assert (balancer["Scheme"], balancer["DNSName"]) == ("internal", stack.outputs["LoadBalancerDnsName"])
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    (targets,) = elb.describe_target_groups()["TargetGroups"]
    assert listener["DefaultActions"][0]["TargetGroupArn"] == targets["TargetGroupArn"]
    assert (targets["Port"], targets["TargetType"], targets["HealthCheckPath"]) == (8080, "ip", "/health")


@pytest.mark.parametrize("store, port", [("Database", 5432), ("Redis", 6379)])
def test_the_data_stores_let_the_tasks_in(store, port, account, network, stack):
    group = network[f"{store}SecurityGroupId"]
    (described,) = account.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    (rule,) = described["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"]) == (port, port)
    (source,) = rule["UserIdGroupPairs"]
    assert source["GroupId"] in stack.resources["AWS::EC2::SecurityGroup"]


@pytest.mark.parametrize("task", ["proxy", "dispatcher"])
def test_the_cli_registers_the_filled_in_task(task, account, tmp_path):
    """The command of deploy/README.md."""
    filled = tmp_path / f"{task}.json"
    filled.write_text(json.dumps(load(f"task-definitions/{task}.json")))
    cli = [str(Path(sys.executable).parent / "aws"), "--endpoint-url", account.endpoint, "--region", REGION]
    command = [*cli, "ecs", "register-task-definition", "--cli-input-json", f"file://{filled}"]
    said = subprocess.run(command, env=account.credentials.environment(), capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    registered = json.loads(said.stdout)["taskDefinition"]
    assert registered["status"] == "ACTIVE"
    assert registered["containerDefinitions"][0]["name"].startswith("llm-proxy")
