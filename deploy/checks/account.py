"""An AWS account in an emulator, as the feature request has it: the lock table, the parameter, and a task's role."""

import json
from dataclasses import dataclass

import botocore.session
from botocore.client import BaseClient

from placeholders import REGION

LOCK_TABLE = "llm-proxy-locks"
PARAMETER = "/llm-proxy/api-providers"
PROVIDERS = """\
default_api: openai
apis:
  openai:
    base_url: https://api.openai.com
    allowed_endpoints: [/v1/chat/completions]
    allowed_methods: [POST]
"""


@dataclass(frozen=True)
class Credentials:
    """What signs a request."""

    key: str
    secret: str
    token: str | None = None

    def environment(self) -> dict[str, str]:
        """The SDK's variables."""
        token = {"AWS_SESSION_TOKEN": self.token} if self.token else {}
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret, **token}


@dataclass(frozen=True)
class Account:
    """An account at an endpoint, seen by whoever has the credentials."""

    endpoint: str
    credentials: Credentials

    def client(self, service: str) -> BaseClient:
        return botocore.session.get_session().create_client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.credentials.key,
            aws_secret_access_key=self.credentials.secret,
            aws_session_token=self.credentials.token,
        )

    def id(self) -> str:
        return self.client("sts").get_caller_identity()["Account"]

    def create_lock_table(self, name: str = LOCK_TABLE) -> None:
        self.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "lock_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "lock_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def lock(self) -> dict | None:
        """The lock item, if there is one."""
        key = {"lock_id": {"S": "init"}}
        return self.client("dynamodb").get_item(TableName=LOCK_TABLE, Key=key, ConsistentRead=True).get("Item")

    def put_parameter(self, name: str, value: str, **how) -> None:
        self.client("ssm").put_parameter(Name=name, Value=value, **{"Type": "String", **how})

    def role(self, name: str, policy: dict) -> "Account":
        """The same account seen by a role that has this policy and no other."""
        iam = self.client("iam")
        # In an emulator nobody can be ecs-tasks.amazonaws.com, so everybody may assume the role.
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="all-it-may", PolicyDocument=json.dumps(policy))
        given = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="task")["Credentials"]
        own = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        return Account(self.endpoint, own)
