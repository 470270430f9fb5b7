"""The placeholders of the files under deploy/, and how they are filled in.

A placeholder is a name in angle brackets, `<REGION>`. deploy/README.md lists them all;
here each has a value of the form that it has in a real account.
"""

import json
import re
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[1]
PLACEHOLDER = re.compile(r"<([A-Z_]+)>")

ACCOUNT = "111122223333"
REGION = "eu-west-1"


def secret_arn(name: str) -> str:
    """The ARN of a secret: Secrets Manager adds six characters to the name."""
    return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-aB3dE6"


EXAMPLES = {
    "ACCOUNT_ID": ACCOUNT,
    "REGION": REGION,
    "INIT_TAG": "0.1.0",
    "PROXY_TAG": "1.2.3",
    "MANAGEMENT_TOKEN_SECRET_ARN": secret_arn("llm-proxy/management-token"),
    "DATABASE_URL_SECRET_ARN": secret_arn("llm-proxy/database-url"),
    "REDIS_URL_SECRET_ARN": secret_arn("llm-proxy/redis-url"),
    "CONFIG_KEY_ARN": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
}


def fill(text: str, values: dict[str, str]) -> str:
    """Puts the values in the places of their placeholders; one without a value is an error."""
    return PLACEHOLDER.sub(lambda found: values[found.group(1)], text)


def load(path: str, values: dict[str, str] = EXAMPLES) -> dict:
    """A JSON file under deploy/, filled in."""
    return json.loads(fill((DEPLOY / path).read_text(), values))
