"""The embedded AWS as a server of its own, for an Airflow beside it: ``python -m ductwork_airflow.local.service DAGS``.

It has what compiled schedules refer to by default: the job queue ``ductwork-local``, the job definition
``ductwork-worker`` with the DAGs folder as its bundle, and the ledger's table ``ductwork``. When it is ready it prints
one line, ``ready URL``. INT and TERM end it, its jobs included.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ductwork.frame_stack import roomy

from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool

if TYPE_CHECKING:
    from ductwork_airflow.embedded_aws.services import EmbeddedAws

READY = "ready"
_SAVE_SECONDS = 2.0


@roomy
def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the embedded AWS until SIGINT or SIGTERM.

    :param arguments: of the command line, without the program; those of the process by default
    :return: the exit code
    """
    options = _parser().parse_args(arguments)
    # First of all, before anything starts a thread: the pool is a fork of this process.
    with WorkerPool() as pool:
        stop = threading.Event()
        for sig in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sig, lambda *_: stop.set())
        serve(pool, options, stop)
    return 0


def serve(pool: WorkerPool, options: argparse.Namespace, stop: threading.Event) -> None:
    """Serve until ``stop`` is set."""
    from ductwork_airflow.embedded_aws.services import EmbeddedAws
    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.local.burial import bury
    from ductwork_airflow.local.provision import PLACES
    from ductwork_airflow.local.run import log_dir, state_file

    state = state_file() if options.state is None else options.state
    with EmbeddedAws(pool=pool, jobs=options.jobs, log_dir=log_dir(), state_file=state, port=options.port) as aws:
        Ledger.connect(PLACES["LedgerTable"], aws.aws).create_table()
        bury(aws.aws, PLACES["LedgerTable"])  # what a service before this one has left
        _provide(aws, options.dags)
        print(READY, aws.endpoint_url, flush=True)
        while not stop.wait(_SAVE_SECONDS):
            aws.save_tables()
        bury(aws.aws, PLACES["LedgerTable"])
        aws.save_tables()


def _provide(aws: EmbeddedAws, dags: Path) -> None:
    """The worker's job definition, and what the native jobs of the DAGs that are there now refer to."""
    from ductwork.compiler import Options, compile_paths

    from ductwork_airflow.local.provision import PLACES, provide, provide_worker

    provide_worker(aws, str(dags.resolve()), PLACES["JobQueue"], PLACES["JobDefinition"])
    for workflow in compile_paths([str(dags)], Options()).workflows:  # what does not compile, Airflow shows
        provide(aws, workflow, {})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ductwork_airflow.local.service", description=__doc__)
    parser.add_argument("dags", type=Path, help="the DAGs folder")
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1; a free one if left out")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many jobs run at once")
    parser.add_argument("--state", type=Path, help="file of the tables; that of `ductwork run --local` if left out")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
