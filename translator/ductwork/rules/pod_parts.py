"""The parts of a pod that say what its container gets: resources, volumes, users."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from ductwork.ir import Mount
from ductwork.rules.container import Reader
from ductwork.rules.resource_quantities import mib, quantity

_GPU = "nvidia.com/gpu"
_DISK = "ephemeral-storage"
_GIB = 2**30


# Any: values of Deployment's fields.
def requirements(reader: Reader) -> dict[str, Any]:
    """``vcpus``, ``memory``, ``gpus`` and ``disk`` of ``container_resources``.

    Batch reserves processors and limits memory, so processors are the request and memory is the limit; each is the
    other where only that is given.
    """
    name = "container_resources"
    given = reader.record(name, reader.task.arguments.get(name))
    requests, limits = (reader.record(name, given.get(part)) for part in ("requests", "limits"))
    for kind in sorted({*requests, *limits} - {"cpu", "memory", _GPU, _DISK}):
        reader.refuse(name, f"AWS Batch cannot give a container {kind}", "leave it out")
    if more := sorted(given.keys() - {"requests", "limits"}):
        reader.refuse(name, f"AWS Batch has nothing like {more[0]}", "leave it out")
    cpus = _amount(reader, name, requests.get("cpu", limits.get("cpu")))
    memory = _amount(reader, name, limits.get("memory", requests.get("memory")))
    gpus = _amount(reader, name, limits.get(_GPU, requests.get(_GPU)))
    disk = _amount(reader, name, requests.get(_DISK, limits.get(_DISK)))
    return {
        "vcpus": cpus or None,
        "memory": mib(memory) if memory else None,
        "gpus": math.ceil(gpus) if gpus else None,
        "disk": math.ceil(disk / _GIB) if disk else None,
    }


def _amount(reader: Reader, name: str, value: object) -> float | None:
    if value is None:
        return None
    try:
        text = reader.constant(name, value)
        return None if not text and value else quantity(text)  # it is left to a worker
    except ValueError as error:
        reader.unknown(name, str(error))
        return None


def mounts(reader: Reader) -> tuple[Mount, ...]:
    """The mounts of ``volume_mounts``, each with its volume of ``volumes``."""
    given = reader.task.arguments
    volumes = {str(each.get("name")): each for each in reader.records("volumes", given.get("volumes"))}
    mounted = reader.records("volume_mounts", given.get("volume_mounts"))
    counts = Counter(str(each.get("name")) for each in mounted)
    shared = {name for name, count in counts.items() if count > 1}
    all_mounts = [_mount(reader, each, volumes, shared) for each in mounted]
    return tuple(mount for mount in all_mounts if mount is not None)


_MOUNT = {"name", "mountPath", "readOnly"}


def _mount(
    reader: Reader, each: Mapping[str, object], volumes: Mapping[str, Any], shared: Collection[str]
) -> Mount | None:
    path = str(each.get("mountPath"))
    if more := sorted(key for key in each.keys() - _MOUNT if each[key]):
        instead = "mount the whole volume, or give one that begins there in executor_config"
        reader.refuse("volume_mounts", f"the mount at {path} has {more[0]}, and Batch's mounts have not", instead)
        return None
    name = str(each.get("name"))
    if name not in volumes:
        reader.refuse("volume_mounts", f"no volume {name!r} is given to mount at {path}", "add it")
        return None
    volume = volumes[name]
    kind = next((key for key in volume if key != "name"), "emptyDir")
    read_only, source = bool(each.get("readOnly")), reader.record("volumes", volume.get(kind))
    if kind == "hostPath":
        return Mount(path, source=reader.constant("volumes", source.get("path", "")), read_only=read_only)
    if kind == "emptyDir":
        return _empty(reader, path, source, read_only, name if name in shared else "")
    if kind in ("configMap", "secret", "projected", "downwardAPI"):
        instead = "put the files into the image or into S3"
        reader.refuse("volumes", f"the volume at {path} is made of Kubernetes' own objects ({kind})", instead)
        return None
    claim = reader.constant("volumes", source.get("claimName", name))
    return Mount(path, volume=claim, read_only=read_only or bool(source.get("readOnly")))


def _empty(reader: Reader, path: str, source: Mapping[str, object], read_only: bool, shared: str) -> Mount | None:
    if source.get("medium") != "Memory":
        return Mount(path, read_only=read_only, shared=shared)
    if shared:
        reader.refuse("volumes", f"the volume in memory {shared} is mounted twice", "mount it once, at a folder above")
        return None
    limit = _amount(reader, "volumes", source.get("sizeLimit"))
    if not limit:
        reader.refuse("volumes", f"the volume in memory at {path} has no size", "give it a sizeLimit")
        return None
    return Mount(path, read_only=read_only, size=mib(limit))


_USERS = {"runAsUser", "runAsGroup", "runAsNonRoot"}
_OWN = {*_USERS, "privileged", "readOnlyRootFilesystem"}
# What takes rights away from a container that is sound. On AWS nothing does; it has no more rights for that.
_HARDENING = {"allowPrivilegeEscalation", "seccompProfile", "appArmorProfile", "fsGroup", "fsGroupChangePolicy"}
_HARDENING |= {"supplementalGroups", "seLinuxOptions", "procMount"}


# Any: members of container properties.
def security(reader: Reader) -> dict[str, Any]:
    """``user``, ``privileged`` and ``read_only`` of the two security contexts; the container's own goes first."""
    settings: dict[str, object] = {}
    for name, honoured in (("security_context", _USERS), ("container_security_context", _OWN)):
        given = reader.task.arguments.get(name) or {}
        if not isinstance(given, Mapping):
            reader.record(name, given)
            continue
        said = {_camel(key): value for key, value in given.items() if value is not None}
        for key in sorted(said.keys() - honoured):
            if key in _HARDENING or (key == "capabilities" and not reader.record(name, said[key]).get("add")):
                reader.warn(name, f"AWS Batch has nothing like {key}: the container runs as Batch starts all")
            else:
                reader.refuse(name, f"AWS Batch has nothing like {key}", "leave it out")
        settings |= said
        if said.get("runAsNonRoot") and not settings.get("runAsUser"):
            reader.warn(name, "AWS Batch does not check that the image's user is not root; runAsUser says another")
    user, group = settings.get("runAsUser"), settings.get("runAsGroup")
    if group is not None and user is None:
        reader.refuse("security_context", "a group alone cannot be given", "give runAsUser too")
    return {
        "user": None if user is None else f"{user}" if group is None else f"{user}:{group}",
        "privileged": bool(settings.get("privileged")),
        "read_only": bool(settings.get("readOnlyRootFilesystem")),
    }


def _camel(name: str) -> str:
    """Dictionaries may be spelt as the Kubernetes API does, or as its Python client does."""
    head, *rest = name.split("_")
    return head + "".join(map(str.title, rest))
