"""Codes DW1xx: loading DAG files."""

from __future__ import annotations

from ductwork.diagnostics.catalogue.code import Code, error, warning
from ductwork.diagnostics.sources import AIRFLOW, CLOCK, LOADING_DAGS, PYTHON, TOP_LEVEL_CODE

CODES: dict[str, Code] = {
    "DW101": error(
        "no such file",
        "The path given does not exist, cannot be read, or is not a Python file or a folder of them. "
        "Check the spelling and the working directory.",
        LOADING_DAGS,
    ),
    "DW102": error(
        "syntax error",
        "Python cannot parse the file. Mend the line named in the message.",
        f"{PYTHON}/library/exceptions.html#SyntaxError",
    ),
    "DW103": error(
        "import error",
        "Running the file's top-level code raised an exception, so Airflow itself could not load it either. Mend the "
        "line named; install what it imports into the environment that runs ductwork. Code that needs a Variable or a "
        "Connection at import time gets them from AIRFLOW_VAR_... and AIRFLOW_CONN_... environment variables.",
        f"{AIRFLOW}/administration-and-deployment/modules_management.html",
    ),
    "DW104": error(
        "written for Airflow 1 or 2",
        "The file uses a module, a name or an argument that Airflow 3 has removed or moved. The message names the "
        "replacement where there is one. `ductwork upgrade FILE` changes most of such code, in the helpers that the "
        "file imports too, and says what it leaves.",
        f"{AIRFLOW}/installation/upgrading_to_airflow3.html",
    ),
    "DW105": error(
        "no DAG in the file",
        "The file loads but defines no DAG. A DAG must be bound to a module-level name, used as a context manager, or "
        "be the result of calling a function decorated with @dag.",
        LOADING_DAGS,
    ),
    "DW106": error(
        "two DAGs with one id",
        "DAG ids must be unique among the files of one call, as they must be in Airflow: each artefact, state machine "
        "and ledger entry is named by the DAG id.",
        f"{AIRFLOW}/core-concepts/dags.html#declaring-a-dag",
    ),
    "DW107": error(
        "unknown DAG id",
        "None of the files given defines a DAG with the id asked for.",
        f"{AIRFLOW}/core-concepts/dags.html#declaring-a-dag",
    ),
    "DW108": error(
        "Airflow rejects the DAG",
        "The file loads, but Airflow's own validation of the DAG fails, e.g. because of a cycle or a missing argument.",
        f"{AIRFLOW}/core-concepts/dags.html",
    ),
    "DW109": warning(
        "no DAG file in the folder",
        "The folder given holds no Python file that defines a DAG, so there is nothing to do.",
        LOADING_DAGS,
    ),
    "DW110": warning(
        "reads its surroundings when it is imported",
        "The file, or a module beside it, reads environment variables, Variables or Connections while it is imported, "
        "not in a task. Workers import it again, in their container: what is read there must be the same as where the "
        "DAG is compiled, or the import fails, or its tasks are other ones, and the run fails with DW518. Set it in "
        "the image or in the job definition (AIRFLOW_VAR_... and AIRFLOW_CONN_... for Variables and Connections), or "
        "read it inside a task or a template. What libraries read is not reported.",
        TOP_LEVEL_CODE,
    ),
    "DW112": error(
        "an author's code raises while its DAG is compiled",
        "Airflow loads the file, but reading its DAG calls code of the author's or of a package: a property, a method "
        "of an argument, a callback, a function named in Airflow's configuration. It raised, at the line that the "
        "message shows. What a class computes for a constructor's argument is never asked for. The other DAGs are "
        "compiled.",
        f"{AIRFLOW}/administration-and-deployment/dagfile-processing.html",
    ),
    "DW113": error(
        "packaged DAGs",
        "The archive holds DAG files that Airflow would load from it. A container finds its DAG file by its path, so "
        "Ductwork does not read archives. Unpack it; or name it in .airflowignore.",
        f"{AIRFLOW}/core-concepts/dags.html#packaging-dags",
    ),
    "DW114": warning(
        "left out, as Airflow leaves it out",
        "Airflow passes over this without a word where it loads DAG files: a folder that cannot be read, a link that "
        "leads nowhere, a DAG that a cluster policy skips. So does Ductwork.",
        f"{AIRFLOW}/core-concepts/dags.html#airflowignore",
    ),
    "DW115": warning(
        "taken from the clock",
        "Airflow parses a DAG file again for each task, so what an argument takes from the clock (now(), today(), "
        "time()) or from chance (random, uuid4, secrets) is new for each. A job that the target submits itself, or a "
        "wait, would have what it was when the file was compiled. So Airflow's own operator runs in a worker, which "
        "parses the file. A template (parameters={'day': '{{ ds }}'}) tells each run its day without one.",
        CLOCK,
    ),
    "DW116": error(
        "a DAG that depends on the clock",
        "Ids of DAGs, tasks and task groups, what depends on what, and how much is expanded over are compiled, but are "
        "made of the clock or of chance here: under another clock, and with other random numbers, the file defines "
        "something else. Give ids that stay, take the day from the run in a template, decide at run time by a branch, "
        "and expand over what a task returns.",
        CLOCK,
    ),
    "DW117": warning(
        "setting that depends on the clock",
        "Under another clock, and with other random numbers, the file gives another value of a setting that is part of "
        "what is compiled: retries, delays, timeouts, executor_config, limits. It stays as it was then; compile again "
        "for another. Or the file does not load under another clock, so that nobody knows what depends on it.",
        CLOCK,
    ),
}
