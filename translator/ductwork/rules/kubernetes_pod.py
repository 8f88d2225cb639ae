"""KubernetesPodOperator: the pod's one container runs as a Batch job of its own; no cluster is needed.

The job is of Batch's ECS kind, not its EKS kind: a job definition for EKS could say a pod's command and entrypoint
exactly, but takes no container overrides, so that neither Step Functions' integration nor a value of the run could be
used with it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ductwork.diagnostics import Diagnostics
from ductwork.diagnostics.sources import KUBERNETES_PROVIDER
from ductwork.ir import BatchJob, Concat, Container, Expr, Text, Work
from ductwork.ir.expressions import Call
from ductwork.ir.snapshot import TaskSnapshot
from ductwork.rules.base import Decline, Rule, time_limit
from ductwork.rules.container import Arguments, Reader, own_code, own_value
from ductwork.rules.pod_parts import mounts, requirements, security

_OPERATOR = "airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator"
# Subclasses of providers that reach a cluster in a way of their own, and run the same container there.
_SAME = (
    _OPERATOR,
    "airflow.providers.amazon.aws.operators.eks.EksPodOperator",
    "airflow.providers.google.cloud.operators.kubernetes_engine.GKEStartPodOperator",
)

TRANSLATED = frozenset(
    {
        *("image", "cmds", "arguments", "env_vars", "secrets", "container_resources", "labels"),
        *("volumes", "volume_mounts", "security_context", "container_security_context"),
        *("active_deadline_seconds", "image_pull_secrets", "do_xcom_push", "termination_grace_period"),
        "skip_on_exit_code",
    }
)
_DEADLINE = "active_deadline_seconds"
_CLUSTER = "it says how to reach a cluster, and there is none"
_LOGS = "the output of a job is in CloudWatch, and failures say why"
_WATCHING = "AWS Batch watches its jobs itself, and loses none"
_CLEANING = "nothing is left of a job that has ended"
_WAITING = "a job waits in its queue until there is room; the queue can limit that"
_NAMES = "it is for people and for Kubernetes; the job is named by the DAG and the task"
_PLACE = "AWS Batch places a job by its queue: the machines of its compute environment must be of that kind"
_NETWORK = "a job has the names and the network of its compute environment"
_POD = "describe the container by the operator's own arguments"
ARGUMENTS = Arguments(
    harmless={
        **dict.fromkeys(
            ("kubernetes_conn_id", "namespace", "in_cluster", "cluster_context", "config_file", "trigger_kwargs"),
            _CLUSTER,
        ),
        **dict.fromkeys(("name", "random_name_suffix", "base_container_name", "ports"), _NAMES),
        **dict.fromkeys(
            ("get_logs", "init_container_logs", "container_logs", "log_events_on_failure", "log_events_on_startup"),
            _LOGS,
        ),
        **dict.fromkeys(
            ("log_pod_spec_on_failure", "logging_interval", "container_name_log_prefix_enabled", "log_formatter"),
            _LOGS,
        ),
        **dict.fromkeys(
            ("reattach_on_restart", "durable", "deferrable", "poll_interval", "base_container_status_polling_interval"),
            _WATCHING,
        ),
        **dict.fromkeys(
            ("startup_timeout_seconds", "startup_check_interval_seconds", "schedule_timeout_seconds"), _WAITING
        ),
        **dict.fromkeys(("on_finish_action", "on_kill_action", "is_delete_operator_pod"), _CLEANING),
        "image_pull_policy": "the image is pulled for each job",
        "automount_service_account_token": "there is no cluster for which a token could be",
        "termination_message_policy": "a job's reason is its exit code",
        "xcom_sidecar_container_security_context": "there is no sidecar",
    },
    refused={
        **dict.fromkeys(("host_aliases", "dns_config"), _NETWORK),
        **dict.fromkeys(("full_pod_spec", "pod_template_file", "pod_template_dict"), _POD),
        "init_containers": "make it a task upstream, or do its work in the container",
        "env_from": "write the variables into env_vars, or name secrets in executor_config",
        "configmaps": "write the variables into env_vars",
        "pod_runtime_info_envs": "leave it out: there is no pod",
        "callbacks": "leave it out: there is no pod to watch",
        "progress_callback": "leave it out: there is no pod to watch",
    },
    warned={
        **dict.fromkeys(("affinity", "node_selector", "tolerations", "runtime_class_name", "schedulername"), _PLACE),
        **dict.fromkeys(("hostnetwork", "dnspolicy", "hostname", "subdomain"), _NETWORK),
        "priority_class_name": "a scheduling_priority orders jobs, in queues with fair shares",
        "annotations": "nobody on AWS reads the annotations of a pod",
        "service_account_name": "what the job may do is said by a job_role, not by a service account",
    },
    defaults={"on_finish_action": "delete_pod"},
)
_GRACE_SECONDS = 30
_OF_VARIABLE = {"name", "value", "valueFrom"}
# Where Airflow's sidecar looks.
_RETURN = "/airflow/xcom/return.json"


def _lower(task: TaskSnapshot, diagnostics: Diagnostics) -> Work | Decline:
    if why := own_code(task, _SAME):
        return Decline(why)
    reader = Reader(task, diagnostics, ARGUMENTS)
    _check(reader)
    environment, secrets = _environment(reader)
    mounted = mounts(reader)
    job = BatchJob(
        why="the container runs as a job of AWS Batch; no Kubernetes cluster is needed",
        request={},
        push_job_id=False,
        timeout=time_limit(task, reader.number(_DEADLINE, task.arguments.get(_DEADLINE))),
        container=Container(
            image=""
            if own_value(task, "container_image")
            else reader.constant("image", task.arguments.get("image") or ""),
            command=_command(reader, environment, secrets),
            environment=environment,
            secrets=secrets,
            mounts=mounted,
            tags=_labels(reader),
            xcom=_RETURN if task.settings.get("do_xcom_push") and own_value(task, "worker_image") else "",
            **requirements(reader),
            **security(reader),
        ),
    )
    return reader.work(job)


def _check(reader: Reader) -> None:
    task = reader.task
    if reader.is_set("image_pull_secrets"):
        reader.login("image_pull_secrets", "a secret of Kubernetes")
    if task.arguments.get("skip_on_exit_code") not in (None, []):
        reader.leave("skip_on_exit_code", "skip_on_exit_code is set")
    if task.arguments.get("termination_grace_period") not in (None, _GRACE_SECONDS):
        reader.warn("termination_grace_period", f"AWS Batch always gives a job {_GRACE_SECONDS} s to end")
    if task.settings.get("do_xcom_push"):
        if task.settings.get("multiple_outputs"):
            reader.leave("multiple_outputs", "multiple_outputs is set")
        if not own_value(task, "worker_image") and not task.arguments.get("cmds"):
            what = f"only the image knows the command that writes {_RETURN}, and AWS has no sidecar that could read it"
            hint = "give the command as cmds, around which a worker puts what reads the file; or let the container "
            hint += "write to S3; if nothing reads it, leave do_xcom_push out"
            reader.xcom(what, hint)
        elif not own_value(task, "worker_image"):
            reader.leave("do_xcom_push", f"what the container writes to {_RETURN} becomes its XCom")
    elif task.read_by:
        what = f"{task.read_by[0]} reads an XCom of it: the name of its pod, and there is no pod"
        reader.nothing_to_push(what, "do not read it")


def _environment(reader: Reader) -> tuple[dict[str, Expr | str], tuple[str, ...]]:
    """The variables with their values, and the names of those whose values are secrets."""
    given = reader.task.arguments.get("env_vars") or []
    if isinstance(given, Mapping):
        given = [{"name": name, "value": value} for name, value in given.items()]
    plain: dict[str, Expr | str] = {}
    secret: list[str] = []
    for each in reader.records("env_vars", given, fixed=True):
        name = reader.constant("env_vars", each.get("name", ""))
        for key in sorted(each.keys() - _OF_VARIABLE):
            reader.unknown("env_vars", f"the variable {name} has {key}, which Kubernetes does not know")
        source = reader.record("env_vars", each.get("valueFrom"))
        if source.keys() & {"secretKeyRef", "configMapKeyRef"}:
            secret.append(name)
        elif source:
            reader.refuse("env_vars", f"{name} is to hold {next(iter(source))}, a fact of a pod", "leave it out")
        else:
            value = each.get("value")
            text = "" if value is None else reader.text("env_vars", value)
            _check_references(reader, "env_vars", text, secret)
            plain[name] = _expanded(text, plain)
    return plain, (*secret, *_secrets(reader))


def _secrets(reader: Reader) -> list[str]:
    names = []
    for each in reader.records("secrets", reader.task.arguments.get("secrets")):
        if each.get("deploy_type") == "env" and each.get("deploy_target"):
            names.append(str(each["deploy_target"]))
        else:
            where = each.get("deploy_target") or "all variables of a secret"
            what = f"a secret of Kubernetes ({each.get('secret')}) cannot become {where}"
            reader.refuse("secrets", what, "take it from Secrets Manager as a variable, by executor_config")
    return names


def _command(
    reader: Reader, environment: Mapping[str, Expr | str], secrets: Collection[str]
) -> tuple[Expr | str, ...] | None:
    given = reader.task.arguments
    # What is not the pod's own, but env_from's, may be named in executor_config alone.
    deployed = own_value(reader.task, "secrets")
    hidden = {*secrets, *(deployed if isinstance(deployed, Mapping) else ())}
    words: list[Expr | str] = []
    for name in ("cmds", "arguments"):
        for word in reader.texts(name, given[name]) if given.get(name) else ():
            _check_references(reader, name, word, hidden)
            words.append(_expanded(word, environment))
    if given.get("cmds"):
        reader.entrypoint("cmds")
    return tuple(words) or None


_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")


def _check_references(reader: Reader, name: str, text: Expr | str, secrets: Collection[str]) -> None:
    """Refuse a secret in a text. Kubernetes would write its value there; on AWS nothing does, and nothing should."""
    for part in text.parts if isinstance(text, Concat) else (text,):
        literal = part.value if isinstance(part, Text) else part
        for reference in _REFERENCE.finditer(literal) if isinstance(literal, str) else ():
            if reference[1] in secrets:
                instead = f"let the container read its variable, as in: sh -c 'run --key ${reference[1]}'"
                reader.refuse(
                    name, f"AWS Batch cannot put the secret {reference[1]} into a text: {reference[0]}", instead
                )


def _expanded(text: Expr | str, variables: Mapping[str, Expr | str]) -> Expr | str:
    """What Kubernetes makes of a text: ``$(NAME)`` is the variable's value, if there is one; ``$$`` is ``$``."""
    parts: list[object] = []
    for part in text.parts if isinstance(text, Concat) else (text,):
        literal = part.value if isinstance(part, Text) else part
        if not isinstance(literal, str):
            # What only the run knows may have references, too.
            parts.append(literal if literal.is_plain else Call("unreferenced", (literal,)))
            continue
        at = 0
        for reference in _REFERENCE.finditer(literal):
            value = "$" if reference[0] == "$$" else variables.get(reference[1], reference[0])
            parts += [literal[at : reference.start()], *(value.parts if isinstance(value, Concat) else (value,))]
            at = reference.end()
        parts.append(literal[at:])
    return _joined(parts)


def _joined(parts: list[object]) -> Expr | str:
    texts: list[Any] = []
    for part in parts:
        part = part.value if isinstance(part, Text) else part
        if isinstance(part, str) and texts and isinstance(texts[-1], str):
            texts[-1] += part
        elif part != "":
            texts.append(part)
    if all(isinstance(part, str) for part in texts):
        return "".join(texts)
    if len(texts) == 1:
        only: Expr = texts[0]
        return only
    return Concat(tuple(Text(part) if isinstance(part, str) else part for part in texts))


def _labels(reader: Reader) -> dict[str, Expr | str]:
    return reader.variables("labels", reader.task.arguments.get("labels") or {})


RULE = Rule(
    name="kubernetes_pod",
    operators=(_OPERATOR,),
    lower=_lower,
    subclasses=True,
    container=lambda task: own_code(task, _SAME) is None,
    needs="a Kubernetes cluster in its reach",
    source=f"{KUBERNETES_PROVIDER}/operators.html",
)
