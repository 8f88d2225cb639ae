"""Console addresses of every partition, and links that hold while the task runs."""

import pytest
from ductwork_airflow import links

EXECUTION = "arn:{}:states:{}:123456789012:execution:etl:run-1"
QUEUE = "arn:{}:batch:{}:123456789012:job-queue/main"
PLACES = [
    ("aws", "eu-west-1", "aws.amazon.com"),
    ("aws-cn", "cn-north-1", "amazonaws.cn"),
    ("aws-us-gov", "us-gov-west-1", "amazonaws-us-gov.com"),
]


@pytest.mark.parametrize(("partition", "region", "domain"), PLACES)
def test_addresses(partition, region, domain):
    head = f"https://console.{domain}"
    assert links.execution_url(EXECUTION.format(partition, region)) == (
        f"{head}/states/home?region={region}#/v2/executions/details/"
        f"arn%3A{partition}%3Astates%3A{region}%3A123456789012%3Aexecution%3Aetl%3Arun-1"
    )
    assert links.queue_url(QUEUE.format(partition, region)) == (
        f"{head}/batch/home?region={region}#queues/detail/"
        f"arn%3A{partition}%3Abatch%3A{region}%3A123456789012%3Ajob-queue%2Fmain"
    )
    assert links.job_url(partition, region, "abc:7") == f"{head}/batch/home?region={region}#jobs/detail/abc%3A7"
    assert links.logs_url(partition, region) == (
        f"{head}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/$252Faws$252Fbatch$252Fjob"
    )


def test_a_log_streams_address_names_group_and_stream():
    found = links.logs_url("aws", "us-east-1", "/my/group", "worker/default/0f[$]1")
    assert found.endswith(
        "#logsV2:log-groups/log-group/$252Fmy$252Fgroup/log-events/worker$252Fdefault$252F0f$255B$2524$255D1"
    )


def test_a_partition_without_a_console_has_no_address():
    with pytest.raises(KeyError, match="aws-iso"):
        links.execution_url(EXECUTION.format("aws-iso", "us-iso-east-1"))


class Pushed:
    """A task instance as far as links use it."""

    def __init__(self):
        self.xcoms = {}

    def xcom_push(self, key, value):
        self.xcoms[key] = value


def test_each_link_has_a_key_of_its_own_and_pushes_under_it():
    kinds = (links.ExecutionLink, links.BatchQueueLink, links.BatchJobLink, links.LogsLink)
    ti = Pushed()
    for kind in kinds:
        kind.push(ti, f"https://{kind.__name__}")
    assert ti.xcoms == {kind().xcom_key: f"https://{kind.__name__}" for kind in kinds}
    assert len({kind.name for kind in kinds}) == len(kinds) == len(ti.xcoms)
