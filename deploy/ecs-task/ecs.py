"""One machine as ECS: fakecloud, which runs registered task definitions through podman.

Everything runs in the mount and network namespaces that .ci/ecs-task makes, so fakecloud and
PostgreSQL can listen everywhere and containers reach them by podman's name of the host.
"""

import base64
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from account import Account, Credentials
from placeholders import EXAMPLES, REGION, load
from servers import answers, free_port, running, wait_until

HOST = "host.containers.internal"
# fakecloud asks keys that begin like this no questions: its root.
ROOT = Credentials("test", "test")


@contextmanager
def fakecloud(folder: Path) -> Iterator[Account]:
    """fakecloud with an account, which enforces IAM; FAKECLOUD names the program."""
    port = free_port()
    environment = {
        **os.environ,
        "FAKECLOUD_CONTAINER_CLI": str(Path(__file__).parent / "podman"),
        "CONTAINER_LOGS": str(folder),
        # Leads the agent's address, where a task gets its role's credentials, to fakecloud.
        "FAKECLOUD_ECS_CREDS_HELPER_IMAGE": "localhost/agent:test",
        # Checks of health are podman's to make, not those of a systemd that is not there.
        "DISABLE_HC_SYSTEMD": "true",
    }
    command = [os.environ["FAKECLOUD"], "--addr", f"0.0.0.0:{port}", "--region", REGION]
    command += ["--account-id", EXAMPLES["ACCOUNT_ID"], "--iam", "strict"]
    endpoint = f"http://127.0.0.1:{port}"
    with running(command, lambda: answers(f"{endpoint}/_fakecloud/health"), folder, env=environment):
        yield Account(endpoint, ROOT)


def podman(*arguments: str) -> str:
    done = subprocess.run(["podman", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"podman {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def containers() -> list[str]:
    """The names of all containers in podman."""
    return podman("ps", "--all", "--format", "{{.Names}}").splitlines()


def push_images(account: Account) -> None:
    """Fills the two repositories with the images that .ci/ecs-task has built."""
    ecr, registry = account.client("ecr"), account.endpoint.removeprefix("http://")
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    how = ["--quiet", "--tls-verify=false", f"--creds={base64.b64decode(token).decode()}"]
    for name, tag in (("llm-proxy-init", EXAMPLES["INIT_TAG"]), ("llm-proxy", EXAMPLES["PROXY_TAG"])):
        ecr.create_repository(repositoryName=name)
        podman("push", *how, f"localhost/{name}:test", f"{registry}/{name}:{tag}")


def rewritten(account: Account, secrets: dict[str, str]) -> dict:
    """proxy.json for one machine. What is changed, and nothing else:

    - the placeholders are filled in, as in a real account;
    - the processor is this machine's;
    - the volume has a name of its own: fakecloud shares volumes of one name between tasks;
    - the init container gets the emulator's address.
    """
    task = load("task-definitions/proxy.json", {**EXAMPLES, **secrets})
    task["runtimePlatform"]["cpuArchitecture"] = "X86_64"
    volume = f"config-{uuid.uuid4().hex[:12]}"
    task["volumes"][0]["name"] = volume
    for container in task["containerDefinitions"]:
        container["mountPoints"][0]["sourceVolume"] = volume
    endpoint = account.endpoint.replace("127.0.0.1", HOST)
    task["containerDefinitions"][0]["environment"].append({"name": "AWS_ENDPOINT_URL", "value": endpoint})
    return task


@dataclass
class Task:
    """A task that was run."""

    account: Account
    arn: str
    folder: Path

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    def described(self) -> dict:
        (task,) = self.account.client("ecs").describe_tasks(cluster="one", tasks=[self.arn])["tasks"]
        return task

    def wait_for(self, status: str) -> dict:
        """Waits until the task has come to a status."""
        wait_until(lambda: self.described()["lastStatus"] in (status, "STOPPED"), status)
        task = self.described()
        assert task["lastStatus"] == status, task.get("stoppedReason")
        return task

    def stop(self) -> None:
        self.account.client("ecs").stop_task(cluster="one", task=self.arn)

    def container(self, name: str) -> str:
        """The name of one of its containers in podman."""
        return f"{self.id}-{name}"

    def log(self) -> str:
        """What its containers have written, from CloudWatch Logs; fakecloud puts it into one stream."""
        logs, group = self.account.client("logs"), {"logGroupName": "/ecs/llm-proxy"}
        streams = [each["logStreamName"] for each in logs.describe_log_streams(**group)["logStreams"]]
        own = [stream for stream in streams if stream.endswith(self.id)]
        events = [event for stream in own for event in logs.get_log_events(**group, logStreamName=stream)["events"]]
        return "\n".join(event["message"] for event in events)

    def kept_log(self, name: str) -> str:
        """What a container has written, once it is gone."""
        log = self.folder / f"{self.container(name)}.log"
        wait_until(log.exists, str(log))
        wait_until(lambda: self.container(name) not in containers(), "the container's end")
        return log.read_text()


def run_task(account: Account, task: dict, folder: Path) -> Task:
    """Registers a task definition and runs one task of it."""
    ecs = account.client("ecs")
    registered = ecs.register_task_definition(**task)["taskDefinition"]["taskDefinitionArn"]
    network = {"awsvpcConfiguration": {"subnets": ["subnet-11111111"], "assignPublicIp": "DISABLED"}}
    started = ecs.run_task(cluster="one", taskDefinition=registered, launchType="FARGATE", networkConfiguration=network)
    assert started["failures"] == []
    return Task(account, started["tasks"][0]["taskArn"], folder)


def prepare(account: Account, database_url: str) -> dict[str, str]:
    """Everything that docs/deploy.md has one make beforehand; returns the secrets' ARNs by placeholder."""
    iam, trust = account.client("iam"), json.dumps(load("iam/trust.json"))
    for name, policy in (("llm-proxy-task", "task-role"), ("llm-proxy-execution", "execution-role")):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        document = json.dumps(load(f"iam/{policy}.json"))
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)
    account.create_lock_table()
    account.client("logs").create_log_group(logGroupName="/ecs/llm-proxy")
    account.client("ecs").create_cluster(clusterName="one")
    for name, value in (("log-level", "info"), ("db-driver", "postgres"), ("redis-addr", "redis:6379")):
        account.put_parameter(f"/llm-proxy/{name}", value)
    values = {
        "MANAGEMENT_TOKEN_SECRET_ARN": "token",
        "DATABASE_URL_SECRET_ARN": database_url,
        "REDIS_URL_SECRET_ARN": "rediss://redis:6379",
    }
    secrets = account.client("secretsmanager")
    return {
        name: secrets.create_secret(Name=f"llm-proxy/{name.lower()}", SecretString=value)["ARN"]
        for name, value in values.items()
    }
