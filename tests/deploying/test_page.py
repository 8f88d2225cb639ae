"""docs/deploy.md, followed command by command; what is AWS's own command line is done as it does it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest
from cli_process import ductwork
from deployed_account import Account

PAGE = Path(__file__).parents[2] / "docs" / "deploy.md"
NIGHTLY = """
from airflow.sdk import DAG, task
with DAG("nightly"):
    @task
    def load(): return 1
    load()
"""
# Docker is nothing that can be had here, and nobody but AWS has its prices.
PASSED_OVER = ("docker", "aws ecr", "aws s3")


def commands(section: str) -> list[list[str]]:
    """The command lines of a section of the page, as a shell splits them."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## {section}\n")[2].partition("\n## ")[0]
    lines = "\n".join(re.findall(r"```console\n(.*?)```", text, re.S)).replace("\\\n", " ").splitlines()
    split = [shlex.split(line.removeprefix("$ ")) for line in lines]
    return [words for words in split if not " ".join(words).startswith(PASSED_OVER)]


class Shell:
    def __init__(self, account: Account, folder: Path) -> None:
        self.account, self.folder = account, folder
        (folder / "dags").mkdir()
        (folder / "dags" / "nightly.py").write_text(NIGHTLY)
        self.environment = {
            "AWS_ENDPOINT_URL": account.embedded.endpoint_url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }

    def run(self, words: Sequence[str]) -> str:
        words = [word.replace("ACCOUNT", "123456789012").replace("REGION", "us-east-1") for word in words]
        if words[0] == "ductwork":
            more = ["--parameter", f"ExistingJobQueueArn={self.account.queue_arn}"] if words[1] == "deploy" else []
            words = ["templates" if word == "BUCKET" else word for word in words]
            done = ductwork(*words[1:], *more, cwd=self.folder, env=self.environment)
            assert done.code == 0, (words, done.err)
            return done.out
        service, operation, options = words[1], words[2], words[3:]
        if (service, operation) == ("stepfunctions", "start-execution"):
            self.account.plain_client(service).start_execution(stateMachineArn=options[1])
            return ""
        assert (service, operation) == ("cloudformation", "deploy"), words
        self._cloudformation(options)
        return ""

    def _cloudformation(self, options: Sequence[str]) -> None:
        """``aws cloudformation deploy``: a change set that is executed, with the parameters given and what was before."""
        at = options.index("--parameter-overrides")
        given = dict(each.partition("=")[::2] for each in options[at + 1 :])
        if "VpcId" in given:
            # Nothing here makes a job queue.
            given = {"VpcId": "", "SubnetIds": "", "ExistingJobQueueArn": self.account.queue_arn}
            given["UseExistingLedger"] = given["UseExistingJobLog"] = "true"
        stack, file = (options[options.index(name) + 1] for name in ("--stack-name", "--template-file"))
        client = self.account.plain_client("cloudformation")
        client.create_change_set(
            StackName=stack,
            ChangeSetName=f"{stack}-by-hand",
            ChangeSetType="CREATE",
            TemplateBody=(self.folder / file).read_text(),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        client.execute_change_set(StackName=stack, ChangeSetName=f"{stack}-by-hand")


@pytest.fixture
def shell(account: Account, tmp_path: Path) -> Shell:
    return Shell(account, tmp_path)


def test_what_the_page_says_leads_to_a_run_and_away_again(shell):
    followed = commands("Deploy and run")
    assert [words[:2] for words in followed] == [
        ["ductwork", "deploy"],
        ["ductwork", "deploy"],
        ["aws", "stepfunctions"],
        ["ductwork", "status"],
    ]
    for words in followed:
        shell.run(words)
    (run,) = [item for item in shell.account.items("run#nightly#") if item["sk"]["S"] == "run"]
    assert run["state"] == {"S": "success"}
    # The workers' image has no DAG files: they are from the bucket.
    assert len(list((shell.account.folder / "storage").glob("*/versions/*/nightly.py"))) == 1
    shell.run(["ductwork", "undeploy", "--all"])
    # Here it has.
    (shell.account.folder / "nightly.py").write_text(NIGHTLY)
    by_hand = commands("Without `ductwork deploy`")
    assert [words[:2] for words in by_hand] == [
        ["ductwork", "stack"],
        ["aws", "cloudformation"],
        ["ductwork", "compile"],
        ["aws", "cloudformation"],
    ]
    for words in by_hand:
        shell.run(words)
    assert shell.account.run("nightly")["status"] == "SUCCEEDED"
