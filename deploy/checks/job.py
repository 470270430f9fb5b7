"""The built binary, run once as a task would."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from account import Account
from placeholders import REGION

STUCK = 60


@dataclass(frozen=True)
class Finished:
    """A run that has ended."""

    code: int
    log: str

    def errors(self) -> list[str]:
        """The messages of its lines that tell of an error."""
        lines = map(json.loads, self.log.splitlines())
        return [line["message"] for line in lines if line["level"] == "ERROR"]


def run(account: Account, database_url: str, config: Path, **settings: str) -> Finished:
    """Runs the whole job with the account's credentials. LLM_PROXY_INIT names the binary."""
    environment = {
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": account.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        **account.credentials.environment(),
        "DATABASE_URL": database_url,
        "CONFIG_PATH": str(config),
        **settings,
    }
    program = os.environ["LLM_PROXY_INIT"]
    done = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=STUCK)
    return Finished(done.returncode, done.stdout + done.stderr)
