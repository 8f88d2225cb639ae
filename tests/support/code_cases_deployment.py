"""Cases of DW204 to DW206, and of deployment values as the text of a configuration: where and with what tasks run."""

from __future__ import annotations

from code_cases import HEADER, bash, case, in_dag, task_case

_IMAGE = {"image": "registry.example/etl:1"}
_JOB_ROLE = {"job_role": "arn:aws:iam::123456789012:role/job"}
_EXECUTION_ROLE = {"execution_role": "arn:aws:iam::123456789012:role/start"}
_SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
_GOOD = in_dag(bash())


def _config(**values: object) -> str:
    return bash(more=f", executor_config={{'ductwork': {values!r}}}")


# ---- DW204, DW206: what the definition of a worker image lacks ----
_ON_FARGATE = {**_IMAGE, "platform": "fargate"}
for _name, _bad, _field in (
    ("Fargate without an execution role", {**_ON_FARGATE, **_JOB_ROLE}, "execution_role"),
    ("Fargate without a job role", {**_ON_FARGATE, **_EXECUTION_ROLE}, "job_role"),
    ("secrets without an execution role", {**_IMAGE, **_JOB_ROLE, "secrets": {"A": _SECRET}}, "execution_role"),
    ("a private registry", {**_IMAGE, **_JOB_ROLE, "registry_credentials": _SECRET}, "execution_role"),
):
    _both = {**_bad, **_JOB_ROLE, **_EXECUTION_ROLE}
    task_case("DW204", _name, [_config(**_bad) + "  # <-"], [_config(**_both)], field=_field)
task_case(
    "DW206",
    "an image without a role",
    [_config(**_IMAGE) + "  # <-"],
    [_config(**_IMAGE, **_JOB_ROLE)],
    field="job_role",
)
for _name, _bad_values, _good_values in (
    ("no machine so large", {"vcpus": 64}, {"vcpus": 16}),
    ("no GPUs", {"gpus": 1}, {}),
):
    _fargate = {**_ON_FARGATE, **_JOB_ROLE, **_EXECUTION_ROLE}
    task_case(
        "DW203",
        f"a worker on Fargate: {_name}",
        [_config(**_fargate, **_bad_values) + "  # <-"],
        [_config(**_fargate, **_good_values)],
        field="platform",
    )

# ---- DW205: where Airflow would run it ----
_BIG = {"AIRFLOW__DUCTWORK__QUEUES": "big=large"}
for _name, _good_argument in (
    ("a queue that nothing places", "queue='default'"),
    ("a queue that is not in the table", "queue='big'"),
    ("a job queue of its own", "queue='gpu', executor_config={'ductwork': {'job_queue': 'q'}}"),
    ("the same in Batch's spelling", "queue='gpu', executor_config={'jobQueue': 'q'}"),
):
    task_case(
        "DW205",
        _name,
        [bash(more=", queue='gpu'") + "  # <-"],
        [bash(more=f", {_good_argument}")],
        field="queue",
        environment=_BIG,
        good_environment=_BIG,
    )
task_case(
    "DW205",
    "of an operator that describes a container",
    [
        "from airflow.providers.docker.operators.docker import DockerOperator",
        "DockerOperator(task_id='t', image='i', command='true', mount_tmp_dir=False, queue='gpu')  # <-",
    ],
    # Nothing runs, or what runs has a job queue of its own.
    [
        "EmptyOperator(task_id='t', queue='gpu')",
        "BatchOperator(task_id='u', job_name='n', job_queue='q', job_definition='d', queue='gpu')",
    ],
    field="queue",
)
task_case(
    "DW205",
    "mapped",
    ["BashOperator.partial(task_id='t', queue='gpu').expand(bash_command=['a', 'b'])  # <-"],
    ["BashOperator.partial(task_id='t').expand(bash_command=['a', 'b'])"],
    field="queue",
)
task_case(
    "DW205",
    "a pod of the KubernetesExecutor",
    [bash(more=", executor_config={'pod_override': object()}") + "  # <-"],
    [bash(more=", executor_config={'pod_override': object(), 'ductwork': {'memory': 512}}")],
    field="executor_config",
)
task_case(
    "DW205",
    "an executor",
    [bash(more=", executor='LocalExecutor'") + "  # <-"],
    [bash(more=", executor='LocalExecutor', executor_config={'ductwork': {'memory': 512}}")],
    field="executor",
)

# ---- DW201: the text of a configuration ----
for _key, _bad_text, _good_text in (
    ("environment", "A=1", '{"A": "1", "B": 2}'),
    ("environment", '{"A": {"B": 1}}', "{}"),
    ("environment", '["A"]', '{"A": ""}'),
    ("tags", "team:a", '{"team": "a"}'),
    ("secrets", '{"A": "plain"}', f'{{"A": "{_SECRET}"}}'),
    ("volumes", '{"data": {}}', '{"data": {"efsVolumeConfiguration": {"fileSystemId": "fs-1"}}}'),
    ("ignore", '["a", 1]', '["affinity"]'),
    ("memory", "2 GB", "2048"),
    ("vcpus", "two", "2"),
    ("native", "perhaps", "True"),
    ("propagate_tags", "yes", "t"),
    ("pools", "etl", "etl=5, web=2"),
    ("queues", "gpu", "gpu=g, big=arn:aws:batch:eu-west-1:123456789012:job-queue/b, open=${Big}"),
    ("queues", "gpu=not a queue", ""),
):
    case(
        "DW201",
        f"in Airflow's configuration: {_key} = {_bad_text}",
        {"airflow.cfg [ductwork]": "", "case.py": HEADER + _GOOD},
        _GOOD,
        environment={f"AIRFLOW__DUCTWORK__{_key.upper()}": _bad_text},
        good_environment={f"AIRFLOW__DUCTWORK__{_key.upper()}": _good_text},
        field=_key,
    )
