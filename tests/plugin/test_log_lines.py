"""What ``ductwork logs`` makes of log streams that are not there."""

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from ductwork_airflow.commands.log_lines import _of_stream


@pytest.fixture
def logs():
    client = boto3.client("logs", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(client) as stubber:
        yield client, stubber


def test_a_stream_that_has_expired_has_no_lines(logs, capsys):
    """The logs of the other tasks are printed all the same."""
    client, stubber = logs
    stubber.add_client_error("get_log_events", "ResourceNotFoundException", "The specified log stream does not exist.")
    assert list(_of_stream(client, "/aws/batch/job", "gone/default/1")) == []
    assert "the log gone/default/1 is not there" in capsys.readouterr().err


def test_a_group_that_does_not_exist_is_an_error(logs):
    client, stubber = logs
    stubber.add_client_error("get_log_events", "ResourceNotFoundException", "The specified log group does not exist.")
    with pytest.raises(ClientError, match="log group"):
        list(_of_stream(client, "/no/such/group", "s"))
