"""moto 5.2's Step Functions and Batch, made to behave as AWS does: every patch of moto is listed here.

Each patch is a function of its own whose docstring names the defect it mends. Each has a test that fails when moto
has mended it upstream; then the patch can go.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

SUPPORTED = ((5, 2, 5), (5, 3))  # from, and before

_lock = threading.Lock()
_installed = False


class UnsupportedMotoError(RuntimeError):
    """moto is missing, or its version is one the patches have not been checked with."""


def check_version(installed: str | None) -> None:
    """Check the installed version of moto; None if it is not installed.

    :raises UnsupportedMotoError: the patches do not fit this version of moto
    """
    wanted = "moto>=5.2.5,<5.3"
    if installed is None:
        raise UnsupportedMotoError(f"--local needs {wanted}: pip install 'ductwork[local]'")
    numbers = tuple(int(part) for part in installed.split(".")[:3] if part.isdigit())
    if not SUPPORTED[0] <= numbers < SUPPORTED[1]:
        raise UnsupportedMotoError(
            f"--local works with {wanted} only, not with moto {installed}: pip install '{wanted}'"
        )


def install() -> None:
    """Patch moto, once per process.

    :raises UnsupportedMotoError: see :func:`check_version`
    """
    global _installed
    with _lock:
        if _installed:
            return
        try:
            check_version(version("moto"))
        except PackageNotFoundError:
            check_version(None)
        with _no_collections():
            for patch in patches():
                patch()
        logging.getLogger("moto").setLevel(logging.CRITICAL)  # it logs every failing state as an error of its own
        _installed = True


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """Without the garbage collector importing moto takes a third less time: it loads large tables."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def patches() -> tuple[Callable[[], None], ...]:
    """All patches, in the order in which they are applied."""
    return (*_of_the_interpreter(), *_of_what_it_calls())


# Imported below, since the modules import moto, which may be missing or of another version.
def _of_the_interpreter() -> tuple[Callable[[], None], ...]:
    from ductwork_airflow.embedded_aws.moto_patches import expressions as jsonata
    from ductwork_airflow.embedded_aws.moto_patches import integrations, interpreter, maps, memory

    return (
        jsonata.patch_eval_hook,
        jsonata.patch_variable_declarations,
        jsonata.patch_expressions,
        integrations.patch_clients,
        integrations.patch_spelling,
        integrations.patch_metadata,
        integrations.patch_request_ids,
        integrations.patch_arguments,
        integrations.patch_batch,
        integrations.patch_children,
        integrations.patch_tokens,
        integrations.patch_waiting,
        integrations.patch_reports,
        interpreter.patch_error_names,
        interpreter.patch_error_matching,
        interpreter.patch_retry_pause,
        interpreter.patch_wait,
        interpreter.patch_evaluation,
        interpreter.patch_stop,
        interpreter.patch_context,
        interpreter.patch_map_concurrency,
        maps.patch_distributed_maps,
        interpreter.patch_error_codes,
        interpreter.patch_executions,
        interpreter.patch_threads,
        *memory.PATCHES,
    )


def _of_what_it_calls() -> tuple[Callable[[], None], ...]:
    from ductwork_airflow.embedded_aws.batch import api
    from ductwork_airflow.embedded_aws.moto_patches import costs, dynamodb, events, interpreter, states, versions

    return (
        interpreter.patch_dynamodb_lock,
        dynamodb.patch_dynamodb_transactions,
        dynamodb.patch_dynamodb_queries,
        dynamodb.patch_dynamodb_errors,
        *costs.PATCHES,
        costs.patch_conditions,
        costs.patch_actions,
        costs.patch_attribute_values,
        states.patch_parser,
        states.patch_literals,
        states.patch_assign,
        states.patch_output,
        states.patch_choice,
        versions.patch_versions,
        events.patch_targets,
        api.patch_batch_responses,
    )
