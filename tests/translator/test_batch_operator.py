"""BatchOperator: when AWS Batch ends a job as Airflow would, and what only a worker does with it."""

import pytest
from code_cases import in_dag
from compiling import codes, compile_text, document
from ductwork.ir import BatchJob, Worker

HOUR = "execution_timeout=timedelta(hours=1)"
FOREVER = "wait_for_completion=False"


def job(arguments, task_id="t"):
    return f"BatchOperator(task_id='{task_id}', job_name='n', job_queue='q', job_definition='d', {arguments})"


def work_of(folder, arguments):
    (workflow,) = compile_text(folder, in_dag(job(arguments))).workflows
    return workflow.tasks[0].work


def submitted(folder, arguments):
    """What a chain sends for the task."""
    return document(compile_text(folder, in_dag(job(arguments)), target="batch"))["jobs"][0]["submit"]


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        ("", None),
        ("execution_timeout=timedelta(seconds=60)", 60),
        ("execution_timeout=timedelta(seconds=60.5)", 61),
        (f"{HOUR}, submit_job_timeout=600", 600),
        (f"{HOUR}, submit_job_timeout=7200", 3600),
        (f"{HOUR}, submit_job_timeout=0", 3600),
        (f"{HOUR}, retry_strategy={{'attempts': 1}}", 3600),
        (f"{HOUR}, deferrable=True, {FOREVER}", 3600),
        ("execution_timeout=timedelta(0)", None),
        ("execution_timeout=timedelta(days=10_000)", None),
    ],
)
def test_aws_batch_ends_the_job_in_time(arguments, seconds, tmp_path):
    made = document(compile_text(tmp_path, in_dag(job(arguments))))
    limit = None if seconds is None else {"AttemptDurationSeconds": seconds}
    assert made["States"]["t"]["Arguments"].get("Timeout") == limit
    limit = None if seconds is None else {"attemptDurationSeconds": seconds}
    sent = submitted(tmp_path, arguments)
    assert (sent["jobQueue"], sent.get("timeout")) == ("q", limit)


@pytest.mark.parametrize("limit", ["", ", submit_job_timeout=600"])
def test_execution_timeout_does_not_limit_a_job_that_nobody_waits_for(limit, tmp_path):
    work = work_of(tmp_path, f"execution_timeout=timedelta(seconds=5), {FOREVER}{limit}")
    assert isinstance(work, BatchJob)
    assert work.request.get("timeout") == ({"attemptDurationSeconds": 600} if limit else None)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("execution_timeout=timedelta(seconds=59.9)", "AWS Batch gives a job 60 s at least"),
        (f"{HOUR}, array_properties={{'size': 3}}", "each child of an array"),
        (f"{HOUR}, retry_strategy={{'attempts': 2}}", "each attempt of retry_strategy"),
    ],
)
def test_what_only_a_worker_ends_in_time(arguments, why, tmp_path):
    work = work_of(tmp_path, arguments)
    assert isinstance(work, Worker)
    assert why in work.why


@pytest.mark.parametrize("own", ["submit_job_timeout='600'", "submit_job_timeout=90.5"])
def test_a_limit_that_is_no_whole_number_is_refused(own, tmp_path):
    assert codes(compile_text(tmp_path, in_dag(job(f"{own}, {HOUR}"))).diagnostics) == ["DW401"]


@pytest.mark.parametrize(
    "mapped",
    [
        "(**job, container_overrides={'memory': 2**31})",
        ".partial(**job).expand(container_overrides=[{'memory': 10**17}, {'memory': 1}])",
    ],
)
def test_a_number_of_more_than_32_bits_is_refused(mapped, tmp_path):
    """AWS Batch has none, and a state machine would lose digits of it."""
    job = "job = dict(task_id='t', job_name='n', job_queue='q', job_definition='d')"
    (found,) = compile_text(tmp_path, in_dag(f"{job}\n    BatchOperator{mapped}")).diagnostics
    assert found.code == "DW401"
    assert "a whole number of AWS Batch's is one from -2,147,483,648 to 2,147,483,647" in str(found)


@pytest.mark.parametrize(("arguments", "waits"), [(FOREVER, False), (f"{FOREVER}, deferrable=True", True)])
def test_a_deferrable_operator_waits_whatever_it_is_told(arguments, waits, tmp_path):
    assert work_of(tmp_path, arguments).wait is waits


@pytest.mark.parametrize(
    "arguments",
    [
        FOREVER,
        f"retries=1, {HOUR}",
        "retries=1, submit_job_timeout=600",
        "retries=1, retry_strategy={'attempts': 2}",
        "retries=1, array_properties={'size': 3}",
    ],
)
def test_what_only_a_worker_does_in_a_chain(arguments, tmp_path):
    """A state machine submits a job again as Airflow does, or goes on without waiting for it."""
    assert isinstance(work_of(tmp_path, arguments), BatchJob)
    assert submitted(tmp_path, arguments)["jobQueue"] == "${JobQueue}"


@pytest.mark.parametrize("arguments", ["retries=1", "array_properties={'size': 3}", "retry_strategy={'attempts': 2}"])
def test_what_aws_batch_does_in_a_chain(arguments, tmp_path):
    assert submitted(tmp_path, arguments)["jobQueue"] == "q"
