"""What a container may be given of processors and memory on each platform of AWS Batch."""

from __future__ import annotations

import math

# Processors and the memory, in MiB, that go with them on Fargate.
# https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html
_FARGATE = (
    (0.25, (512, 1024, 2048)),
    (0.5, range(1024, 4097, 1024)),
    (1, range(2048, 8193, 1024)),
    (2, range(4096, 16385, 1024)),
    (4, range(8192, 30721, 1024)),
    (8, range(16384, 61441, 4096)),
    (16, range(32768, 122881, 8192)),
    (32, (61440, 122880, 249856)),
)
# What ephemeralStorage may ask for; a container has 20 GiB anyway.
# https://docs.aws.amazon.com/batch/latest/APIReference/API_EphemeralStorage.html
FARGATE_DISK_GIB = range(21, 201)
# Elsewhere Batch counts whole processors, and at least 4 MiB.
_LEAST_MIB = 4


def fitting(vcpus: float, memory: int, *, fargate: bool) -> tuple[float, int] | None:
    """``(vCPUs, MiB)``, rounded up to what the platform has; None if it has nothing so large."""
    if not fargate:
        return max(1, math.ceil(vcpus)), max(_LEAST_MIB, memory)
    sizes = ((count, size) for count, of_count in _FARGATE for size in of_count)
    return next((pair for pair in sizes if pair[0] >= vcpus and pair[1] >= memory), None)


def requirements(vcpus: float, memory: int, gpus: int | None) -> list[dict[str, str]]:
    """As ``resourceRequirements`` of a job definition."""
    needs = (("VCPU", f"{vcpus:g}"), ("MEMORY", str(memory)), ("GPU", gpus))
    return [{"type": kind, "value": str(value)} for kind, value in needs if value]
