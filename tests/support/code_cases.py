"""For every diagnostic code of the translator a file that gives exactly this finding, and one close to it that does not.

A case is added by :func:`case`; the meta-test fails for a code that has none. In a body, the line that the finding must name
ends in ``# <-``. Codes that only show in a run are tested where they arise: see ``COVERED_ELSEWHERE``.
"""

from __future__ import annotations

import dataclasses
import io
import zipfile
from typing import Any

from compiling import HEADER

MARK = "# <-"

# Run-time codes: the test file (relative to tests/) that brings each about. The file must name the code.
COVERED_ELSEWHERE: dict[str, str] = {
    **dict.fromkeys(
        ("DW329", "DW501", "DW502", "DW503", "DW504", "DW505", "DW506", "DW508", "DW509", "DW515"),
        "functional/test_run_local.py",
    ),
    **dict.fromkeys((f"DW60{number}" for number in range(1, 8)), "translator/test_import.py"),
    "DW114": "translator/test_dag_folder.py",
    "DW331": "translator/test_foreign_rules.py",
    "DW345": "cloudformation/test_templates.py",
    "DW409": "translator/test_foreign_rules.py",
    "DW507": "functional/test_report.py",
    "DW516": "functional/test_remote.py",
    "DW517": "functional/test_restart.py",
    "DW518": "functional/test_report.py",
    "DW525": "plugin/submit/test_backfill.py",
    "DW530": "plugin/dag_code/test_upload.py",
    **dict.fromkeys(("DW511", "DW512", "DW513", "DW514"), "functional/test_disasters.py"),
}


@dataclasses.dataclass(frozen=True)
class Case:
    """
    :param bad: file name -> content of a folder whose compilation gives ``code`` and nothing else
    :param good: the same without any finding
    :param paths: what is compiled, relative to the folder
    :param dag_id: of the finding; likewise ``task`` and ``field``
    :param where: the file that the finding names, if it is neither marked nor the first path
    :param environment: variables of the bad side, as ``good_environment`` of the good one
    :param options: keyword arguments of ``compiling.compile_files``, also by ``good_options`` for the good side
    """

    code: str
    name: str
    bad: dict[str, Any]
    good: dict[str, Any]
    paths: tuple[str, ...] = ("case.py",)
    dag_id: str = ""
    task: str = ""
    field: str = ""
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    good_options: dict[str, Any] | None = None
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    where: str = ""
    good_environment: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.code}: {self.name}"

    def place(self) -> tuple[str, int]:
        """The file and line that the finding must name: line 0 where no line is marked."""
        for name, content in self.bad.items():
            lines = content.splitlines() if isinstance(content, str) else []
            for number, line in enumerate(lines, start=1):
                if line.endswith(MARK):
                    return name, number
        return self.where or self.paths[0], 0


CASES: list[Case] = []


def case(code: str, name: str, bad: Any, good: Any, **more: Any) -> None:
    """Add a case; a text is the body of ``case.py`` under the usual imports, a dictionary is a whole folder."""
    sides = [{"case.py": HEADER + side} if isinstance(side, str) else side for side in (bad, good)]
    CASES.append(Case(code, name, *sides, **more))


def packaged(source: str) -> bytes:
    """A packaged DAG: an archive with this file in it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("packed.py", source)
    return made.getvalue()


def in_dag(*lines: str, dag: str = "") -> str:
    """A DAG ``case`` with these statements in its body."""
    head = f"with DAG('case', schedule=None, start_date=START{dag}):"
    return "\n".join([head, *(f"    {line}" for line in lines), ""])


def bash(task_id: str = "t", more: str = "") -> str:
    return f"{task_id} = BashOperator(task_id='{task_id}', bash_command='true'{more})"


def task_case(code: str, name: str, bad: list[str], good: list[str], **more: Any) -> None:
    """A case about a task of the DAG ``case``."""
    case(code, name, in_dag(*bad), in_dag(*good), dag_id="case", **{"task": "t", **more})
