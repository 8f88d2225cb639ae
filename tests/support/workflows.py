"""Hypothesis strategies: random workflows, made as IR without any DAG file."""

from __future__ import annotations

from dataclasses import replace

from ductwork.diagnostics import Origin
from ductwork.ir import BatchJob, Concat, Deployment, NoOp, Retry, RunValue, Task, Text, Worker, Workflow
from ductwork.planning.partial_order import topological
from ductwork.semantics.trigger_rules import RULES, TEARDOWN
from hypothesis import strategies as st

# Ids as Airflow allows them: letters of any script, digits, - . and _; some are words of JSONata, some are long.
_ALPHABET = st.sampled_from("abcXYZ019-._éß中")
TASK_IDS = st.one_of(
    st.text(_ALPHABET, min_size=1, max_size=12),
    st.sampled_from(["and", "or", "in", "true", "null", "function", "state", "a.b.c", "Run", "run", "-", "..", "0"]),
    st.builds(lambda text, count: text * count, st.text(_ALPHABET, min_size=1, max_size=4), st.integers(20, 60)),
)
_STRUCTURES = st.recursive(
    st.just("leaf"),
    lambda inner: st.tuples(st.sampled_from(["series", "parallel"]), st.lists(inner, min_size=2, max_size=4)),
    max_leaves=9,
)
_ORIGIN = Origin("case.py", 1)
_WHERE = Deployment(job_queue="${JobQueue}", job_definition="${JobDefinition}", environment={"E": "{% x %}"})
_WORKS = st.sampled_from(
    [
        Worker("it"),
        NoOp("it"),
        BatchJob(
            "it",
            {
                "jobName": Concat((Text("n-"), RunValue("ds_nodash"))),
                "jobQueue": "q",
                "jobDefinition": "d",
                "containerOverrides": {"command": ["echo", Text('"quoted" it\'s {% x %}'), "{% literal %}"]},
            },
        ),
        BatchJob("it", {"jobName": "n", "jobQueue": "q", "jobDefinition": "d"}, wait=False, push_job_id=False),
    ]
)
_RETRIES = st.builds(
    Retry,
    retries=st.integers(0, 20),
    delay=st.sampled_from([0.0, 0.5, 1.0, 300.0, 86_400.0, 1e9]),
    backoff=st.sampled_from([0.0, 1.0, 1.5, 2.0]),
    max_delay=st.sampled_from([None, 1.0, 300.0, 1e9]),
)


def order_of(structure, names):
    """``(edges, first, last)`` of a structure whose leaves take their names from the iterator."""
    if structure == "leaf":
        name = next(names)
        return set(), {name}, {name}
    kind, inner = structure
    parts = [order_of(part, names) for part in inner]
    edges = set().union(*(part[0] for part in parts))
    if kind == "parallel":
        return edges, set().union(*(part[1] for part in parts)), set().union(*(part[2] for part in parts))
    for (_, _, last), (_, first, _) in zip(parts, parts[1:], strict=False):
        edges |= {(up, down) for up in last for down in first}
    return edges, parts[0][1], parts[-1][2]


def leaves_of(structure):
    return 1 if structure == "leaf" else sum(map(leaves_of, structure[1]))


@st.composite
def series_parallel(draw):
    """The direct upstream tasks of each task of a random series-parallel order, with some redundant edges."""
    structure = draw(_STRUCTURES)
    count = leaves_of(structure)
    names = draw(st.lists(TASK_IDS, min_size=count, max_size=count, unique=True))
    edges, _, _ = order_of(structure, iter(names))
    upstream = {name: {up for up, down in edges if down == name} for name in names}
    ancestors = {name: closure(upstream, name) for name in names}
    for name in names:
        further = sorted(ancestors[name] - upstream[name])
        if further:
            upstream[name] |= draw(st.sets(st.sampled_from(further), max_size=3))
    return {name: tuple(sorted(above)) for name, above in upstream.items()}


def closure(upstream, name):
    found, waiting = set(), list(upstream[name])
    while waiting:
        if (node := waiting.pop()) not in found:
            found.add(node)
            waiting.extend(upstream[node])
    return found


@st.composite
def any_order(draw):
    """The direct upstream tasks of each task of a random order."""
    names = draw(st.lists(TASK_IDS, min_size=1, max_size=10, unique=True))
    upstream = {}
    for number, name in enumerate(names):
        near = names[max(0, number - 5) : number]
        above = draw(st.sets(st.sampled_from(near), max_size=3)) if near else set()
        upstream[name] = tuple(sorted(above))
    return upstream


_RULES = st.one_of(st.just("all_success"), st.sampled_from(sorted(set(RULES) - {TEARDOWN})))


@st.composite
def ruled_workflows(draw):
    """A random workflow of any order and any trigger rules, with tasks that skip others; workers and empty tasks."""
    upstream = draw(any_order())
    order = topological(upstream)
    rules = {name: draw(_RULES) for name in order}
    downstream = {name: {down for down in order if name in closure(upstream, down)} for name in order}
    tasks = []
    for name in order:
        work = draw(st.sampled_from([Worker("it"), Worker("it"), NoOp("it")]))
        skips = set()
        if work.has_worker and draw(st.integers(0, 3)) == 0:
            far = draw(st.booleans())
            skips = {down for down in downstream[name] if far or name in upstream[down]}
        tasks.append(
            Task(
                task_id=name,
                origin=_ORIGIN,
                operator="x.Y",
                work=work,
                upstream=upstream[name],
                trigger_rule=rules[name],
                skips=tuple(sorted(down for down in skips if rules[down] != "always")),
                deployment=_WHERE,
            )
        )
    return Workflow(dag_id="dag", origin=_ORIGIN, dag_file="case.py", bundle_path="/dags", tasks=tuple(tasks))


_PLAIN = st.sampled_from([Worker("it")] * 6 + [NoOp("it")])
_ODD = st.sampled_from(["all_done", "one_failed", "none_failed"])


@st.composite
def workflows_of_regions(draw):
    """A random workflow of workers and empty tasks in series-parallel order, most of rule all_success."""
    upstream = draw(series_parallel())
    odd = draw(st.sampled_from([0, 0, 1, 2]))
    tasks = tuple(
        Task(
            task_id=name,
            origin=_ORIGIN,
            operator="x.Y",
            work=draw(_PLAIN),
            upstream=upstream[name],
            trigger_rule=draw(_ODD) if draw(st.integers(0, 9)) < odd else "all_success",
            retry=Retry(retries=draw(st.integers(0, 2))),
            calls_back=draw(st.integers(0, 4)) == 0,
            deployment=_WHERE,
        )
        for name in topological(upstream)
    )
    made = Workflow(dag_id="dag", origin=_ORIGIN, dag_file="case.py", bundle_path="/dags", tasks=tasks)
    return replace(made, restartable=draw(st.integers(0, 3)) > 0)


@st.composite
def workflows(draw):
    """A random workflow whose order is series-parallel, of rule all_success, with every kind of work."""
    upstream = draw(series_parallel())
    tasks = tuple(
        Task(
            task_id=name,
            origin=_ORIGIN,
            operator="x.Y",
            work=draw(_WORKS),
            upstream=upstream[name],
            retry=draw(_RETRIES),
            execution_timeout=draw(st.sampled_from([None, 0.5, 59.0, 1e6])),
            deployment=_WHERE,
        )
        for name in topological(upstream)
    )
    dag_id = draw(st.sampled_from(["dag", "d" * 200, "a.b-c_é"]))
    return Workflow(dag_id=dag_id, origin=_ORIGIN, dag_file="case.py", bundle_path="/dags", tasks=tasks)
