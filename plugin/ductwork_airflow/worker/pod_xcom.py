"""The XCom of a pod: what its container writes into a file, which on AWS no sidecar takes down.

A shell around the pod's command prints the file once the command has ended, between two marks, and the worker finds it
in the log of the job. The exit code stays the command's own, and the command gets SIGTERM.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

# Where the sidecar of a KubernetesPodOperator looks.
RETURN = "/airflow/xcom/return.json"
_MARK = "---- ductwork xcom ----"
_SCRIPT = (
    f"mkdir -p {RETURN.rpartition('/')[0]}; rm -f {RETURN}; "
    'trap \'kill -TERM "$p" 2>/dev/null\' TERM; "$@" & p=$!; wait "$p"; c=$?; '
    'while kill -0 "$p" 2>/dev/null; do wait "$p"; c=$?; done; '
    f"if [ -s {RETURN} ]; then printf '\\n%s\\n' '{_MARK}'; cat {RETURN}; printf '\\n%s\\n' '{_MARK}'; fi; exit \"$c\""
)


def around(command: Sequence[str]) -> list[str]:
    """A command that prints the file of another once that has ended."""
    return ["sh", "-c", _SCRIPT, "sh", *command]


def found(lines: Sequence[str]) -> object:
    """The value that a command so wrapped has left; None for none.

    :param lines: all that it printed
    :raises ValueError: it is no JSON
    """
    marks = [number for number, line in enumerate(lines) if line == _MARK]
    if len(marks) < 2:
        return None
    part = lines[marks[-2] + 1 : marks[-1]]
    try:
        return json.loads("\n".join(part))
    except ValueError:
        # CloudWatch cuts lines of more than 256 KiB.
        return json.loads("".join(part))
