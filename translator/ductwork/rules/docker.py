"""DockerOperator: the container runs as a Batch job of its own; no Docker daemon is needed."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Mapping, Sequence

from ductwork.diagnostics import Diagnostics
from ductwork.diagnostics.sources import DOCKER_PROVIDER
from ductwork.ir import BatchJob, Concat, Container, Expr, Mount, RunValue, Text, Work
from ductwork.ir.snapshot import TaskSnapshot
from ductwork.rules.base import Decline, Rule, time_limit
from ductwork.rules.container import Arguments, Reader, own_code, own_value
from ductwork.rules.resource_quantities import docker_bytes, mib

_OPERATOR = "airflow.providers.docker.operators.docker.DockerOperator"

TRANSLATED = frozenset(
    {
        *("image", "command", "entrypoint", "environment", "private_environment", "cpus", "mem_limit", "shm_size"),
        *("user", "privileged", "mounts", "mount_tmp_dir", "tmp_dir", "ulimits", "device_requests", "labels"),
        *("network_mode", "docker_conn_id", "xcom_all", "env_file", "skip_on_exit_code"),
    }
)
_DAEMON = "it says how to reach a Docker daemon, and there is none"
ARGUMENTS = Arguments(
    harmless={
        **dict.fromkeys(("api_version", "docker_url", "timeout"), _DAEMON),
        **dict.fromkeys(
            ("tls_ca_cert", "tls_client_cert", "tls_client_key", "tls_verify", "tls_hostname", "tls_ssl_version"),
            _DAEMON,
        ),
        "retrieve_output_path": "it says nothing without retrieve_output",
        "auto_remove": "nothing is left of a container once its job has ended",
        "container_name": "it is for people; the job is named by the DAG and the task",
        "force_pull": "the image is pulled for each job",
        "host_tmp_dir": "the folder is made on the machine that runs the job",
        "tty": "the output is collected without a terminal",
        "log_opts_max_size": "the output goes to CloudWatch, which needs no rotation",
        "log_opts_max_file": "the output goes to CloudWatch, which needs no rotation",
    },
    warned={"hostname": "the container has the name of its own that ECS gives it"},
    refused={
        "cap_add": "leave it out, or use privileged",
        "dns": "set name servers in the VPC's DHCP options",
        "dns_search": "set the domain in the VPC's DHCP options",
        "extra_hosts": "put the names into a private hosted zone of Route 53",
        "ipc_mode": "leave it out",
        "port_bindings": "leave it out: nobody can reach the container of a job by name",
        "retrieve_output": "write the output to S3",
        "working_dir": "set it in the image, or begin the command with: sh -c 'cd DIR && ...'",
    },
)
# What the operator says of itself where the author says nothing, so the deployment may say something else.
_DEFAULT_CPUS = 1.0
# The network that a container has anyway.
_OWN_NETWORK = (None, "", "bridge", "default")


def _lower(task: TaskSnapshot, diagnostics: Diagnostics) -> Work | Decline:
    if why := own_code(task, (_OPERATOR,)):
        return Decline(why)
    reader = Reader(task, diagnostics, ARGUMENTS)
    _check(reader)
    given = task.arguments
    folder = str(given.get("tmp_dir")) if given.get("mount_tmp_dir") else None
    own_folder = {"AIRFLOW_TMP_DIR": folder} if folder else {}
    job = BatchJob(
        why="the container runs as a job of AWS Batch; no Docker daemon is needed",
        timeout=time_limit(task),
        request={},
        push_job_id=False,
        container=Container(
            image="" if own_value(task, "container_image") else reader.constant("image", given.get("image") or ""),
            command=_command(reader),
            environment={**_environment(reader), **own_folder},
            secrets=tuple(sorted(reader.record("private_environment", given.get("private_environment")))),
            vcpus=None if given.get("cpus") == _DEFAULT_CPUS else reader.number("cpus", given.get("cpus")),
            memory=_size(reader, "mem_limit"),
            shared_memory=_size(reader, "shm_size"),
            gpus=_gpus(reader),
            user=None if given.get("user") is None else reader.constant("user", given["user"]),
            privileged=bool(given.get("privileged")),
            mounts=(*_mounts(reader), *([Mount(folder)] if folder else [])),
            ulimits=_ulimits(reader),
            tags=_labels(reader),
            xcom=_xcom(task),
        ),
    )
    return reader.work(job)


def _check(reader: Reader) -> None:
    task = reader.task
    if task.arguments.get("network_mode") not in _OWN_NETWORK:
        what = (
            f"AWS Batch has no network {task.arguments['network_mode']!r}: the job has that of its compute environment"
        )
        reader.warn("network_mode", f"{what}, and reaches others by their addresses there")
    if reader.is_set("docker_conn_id"):
        reader.login("docker_conn_id", "Airflow's connection")
    if task.settings.get("do_xcom_push") and task.read_by and not own_value(task, "worker_image"):
        reader.leave("do_xcom_push", f"{task.read_by[0]} reads what the container prints")
    if reader.is_set("skip_on_exit_code"):
        reader.leave("skip_on_exit_code", "skip_on_exit_code is set")


def _environment(reader: Reader) -> dict[str, Expr | str]:
    given = reader.task.arguments.get("environment") or {}
    variables = reader.variables("environment", given)
    for name in (name for name in variables if given[name] is None):
        reader.unknown("environment", f"{name} has no value, which takes the variable out of the image's own")
    return {**_env_file(reader), **variables}


def _env_file(reader: Reader) -> dict[str, Expr | str]:
    """The variables of ``env_file``, which Airflow's operator reads while it runs."""
    given = reader.task.arguments.get("env_file")
    if given and not isinstance(given, Mapping):
        reader.leave("env_file", "Airflow's operator reads env_file")
    return reader.variables("env_file", given) if isinstance(given, Mapping) else {}


def _xcom(task: TaskSnapshot) -> str:
    if not (task.settings.get("do_xcom_push") and own_value(task, "worker_image")):
        return ""
    return "all" if task.arguments.get("xcom_all") else "last"


def _command(reader: Reader) -> tuple[Expr | str, ...] | None:
    given = reader.task.arguments
    command = _words(reader, "command")
    if not reader.is_set("entrypoint"):
        return command or None
    reader.entrypoint("entrypoint")
    return (*_words(reader, "entrypoint"), *command) if given.get("entrypoint") else command


def _words(reader: Reader, name: str) -> tuple[Expr | str, ...]:
    """A command as Docker takes it: a list, the text of a list, or a line to split as a shell would."""
    value = reader.task.arguments.get(name)
    if isinstance(value, list):
        return reader.texts(name, value)
    line = reader.told(name, value or "")
    if line is None:
        return ()
    try:
        if isinstance(line, str) and line.strip().startswith("["):
            return tuple(map(str, ast.literal_eval(line)))
        if not (isinstance(line, str) or line.is_plain):
            reader.leave(name, f"{value!r} has values in it that are split as a shell splits them")
            return ()
        return split(line)
    except (ValueError, SyntaxError) as error:
        reader.unknown(name, f"{value!r} cannot be split into words ({error})")
        return ()


def split(line: Expr | str) -> tuple[Expr | str, ...]:
    """``shlex.split`` of a text with values of the run in it, which hold nothing that a shell would split.

    :raises ValueError: a quotation is not closed
    """
    parts: Sequence[Expr] = line.parts if isinstance(line, Concat) else _parts(line)
    # Each value of the run stands as a character of a range that Unicode keeps for private use.
    values = {chr(0xE000 + number): part for number, part in enumerate(parts) if isinstance(part, RunValue)}
    text = "".join(part.value if isinstance(part, Text) else chr(0xE000 + number) for number, part in enumerate(parts))
    if text.strip().startswith("["):
        raise ValueError("it is a list with values of the run in it: write it as a list of texts")
    return tuple(_word(word, values) for word in shlex.split(text))


def _parts(line: Expr | str) -> Sequence[Expr]:
    return [Text(line) if isinstance(line, str) else line]


def _word(word: str, values: Mapping[str, RunValue]) -> Expr | str:
    parts: list[Text | RunValue] = []
    for character in word:
        if character in values:
            parts.append(values[character])
        elif parts and isinstance(parts[-1], Text):
            parts[-1] = Text(parts[-1].value + character)
        else:
            parts.append(Text(character))
    if all(isinstance(part, Text) for part in parts):
        return word
    return parts[0] if len(parts) == 1 else Concat(tuple(parts))


def _size(reader: Reader, name: str) -> int | None:
    value = reader.task.arguments.get(name)
    return None if value is None else _mib(reader, name, value)


def _mib(reader: Reader, name: str, value: object) -> int | None:
    try:
        return mib(docker_bytes(value))
    except ValueError as error:
        reader.unknown(name, str(error))
        return None


def _gpus(reader: Reader) -> int | None:
    total = 0
    for wanted in reader.records("device_requests", reader.task.arguments.get("device_requests")):
        count = wanted.get("Count")
        plain = wanted.get("Capabilities") == [["gpu"]] and not wanted.get("DeviceIDs")
        if plain and isinstance(count, int) and count >= 1:
            total += count
        else:
            instead = "ask for a number: DeviceRequest(count=1, capabilities=[['gpu']])"
            reader.refuse("device_requests", "AWS Batch gives a container a number of GPUs, nothing else", instead)
    return total or None


def _ulimits(reader: Reader) -> tuple[tuple[str, int, int], ...]:
    limits = []
    for each in reader.records("ulimits", reader.task.arguments.get("ulimits")):
        # Docker's API and docker.types.Ulimit spell them differently.
        name, soft, hard = (each.get(key, each.get(key.lower())) for key in ("Name", "Soft", "Hard"))
        if isinstance(soft, int) and isinstance(hard, int):
            limits.append((str(name), soft, hard))
        else:
            what = f"the limit {name} has no two whole numbers, soft and hard"
            reader.refuse("ulimits", what, f"write Ulimit(name={name!r}, soft=..., hard=...)")
    return tuple(limits)


def _labels(reader: Reader) -> dict[str, Expr | str]:
    labels = reader.task.arguments.get("labels") or {}
    if isinstance(labels, list):
        return {str(name): "" for name in reader.texts("labels", labels)}
    return reader.variables("labels", labels)


def _mounts(reader: Reader) -> list[Mount]:
    given = reader.records("mounts", reader.task.arguments.get("mounts"))
    return [mount for each in given if (mount := _mount(reader, dict(each))) is not None]


# As Docker's API spells a mount, and as the arguments of docker.types.Mount do.
_MOUNT = {"Target": "target", "Source": "source", "Type": "type", "ReadOnly": "read_only"}


def _mount(reader: Reader, each: dict[str, object]) -> Mount | None:
    spelled = {_MOUNT.get(key, key): value for key, value in each.items() if value not in (None, {}, [])}
    target, kind = reader.constant("mounts", spelled.get("target", "")), spelled.get("type", "volume")
    source = reader.constant("mounts", spelled["source"]) if "source" in spelled else None
    size = None
    if kind == "tmpfs":
        options = reader.record("mounts", spelled.pop("TmpfsOptions", None))
        limit = spelled.pop("tmpfs_size", options.get("SizeBytes"))
        size = _mib(reader, "mounts", limit) if limit else None
    more = sorted(spelled.keys() - {*_MOUNT.values(), "consistency", "Consistency"})
    if more or kind not in ("bind", "volume", "tmpfs") or (kind == "tmpfs" and size is None):
        which = "a tmpfs without a size" if kind == "tmpfs" and not more else more[0] if more else f"the type {kind}"
        reader.refuse("mounts", f"AWS Batch cannot mount {target}: it has nothing like {which}", "leave it out")
        return None
    read_only = bool(spelled.get("read_only"))
    if kind == "volume" and source:
        return Mount(target, volume=source, read_only=read_only)
    return Mount(target, source=source if kind == "bind" else None, read_only=read_only, size=size)


RULE = Rule(
    name="docker",
    operators=(_OPERATOR,),
    lower=_lower,
    subclasses=True,
    container=lambda task: own_code(task, (_OPERATOR,)) is None,
    needs="a Docker daemon in its reach",
    source=f"{DOCKER_PROVIDER}/_api/airflow/providers/docker/operators/docker/index.html",
)
