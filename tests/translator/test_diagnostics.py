"""How findings are told to people."""

from ductwork.diagnostics import Diagnostic, Origin, Severity, told


def finding(task_id: str, line: int, severity: Severity = Severity.WARNING, what: str = "it waits") -> Diagnostic:
    return Diagnostic("DW310", severity, Origin("a.py", line), what, "do this", "d", task_id, "retry_delay")


def test_what_is_said_of_several_tasks_is_said_once():
    findings = [finding("one", 3), finding("other", 4, what="it runs"), finding("two", 3), finding("three", 7)]
    assert [text for _, text in told(findings)] == [
        "a.py:3: warning DW310 [d.one retry_delay]: it waits\n    do this\n    also: two, three (a.py:7)",
        "a.py:4: warning DW310 [d.other retry_delay]: it runs\n    do this",
    ]


def test_errors_and_what_is_about_no_task_stand_alone():
    findings = [finding(task, 3, Severity.ERROR) for task in ("one", "two")] + [finding("", 3), finding("", 3)]
    assert [text for _, text in told(findings)] == [str(each) for each in findings]
