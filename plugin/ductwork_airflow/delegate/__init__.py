"""``delegate``: turn a DAG into its twin, whose tasks show in Airflow what happens to them on AWS.

.. code-block:: python

    from ductwork_airflow.delegate import delegate

    with DAG("nightly", schedule="@daily") as dag:
        extract() >> load()
    delegate(dag)

or ``@delegate`` above ``@dag``. Inside the worker and the translator, which need the original, it does nothing.
Importing this module imports nothing else, so a DAG file pays for the twin only where there is to be one.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, overload

if TYPE_CHECKING:
    from airflow.sdk import DAG

Delegable = TypeVar("Delegable", bound="DAG | Callable[..., DAG]")

# The worker's own variable, and the one the translator sets while it loads a DAG file.
WANTS_ORIGINAL = ("DUCTWORK_DAG_ID", "DUCTWORK_COMPILING")


class DelegationError(ValueError):
    """A DAG that cannot have a twin; the message says why and what to do."""


@overload
def delegate(dag: Delegable, **options: object) -> Delegable: ...
@overload
def delegate(dag: None = None, **options: object) -> Callable[[Delegable], Delegable]: ...


def delegate(dag: DAG | Callable[..., DAG] | None = None, **options: object) -> object:
    """Make ``dag`` the twin of itself, in place, and return it.

    The twin keeps everything one sees of a DAG: id, schedule, params, tags, documentation, groups, task ids, edges and
    trigger rules. It gets one more task, which compiles the original and starts its run on AWS.

    :param dag: a DAG, or a function that returns one (as ``@dag`` makes it), or None to be used as ``@delegate(...)``
    :param options: see :class:`ductwork_airflow.delegate.options.Options`; what is left out comes from ``[ductwork]``
    :raises DelegationError: the DAG cannot have a twin
    """
    if dag is None:
        return functools.partial(delegate, **options)
    if callable(dag):

        @functools.wraps(dag)
        def factory(*args: object, **kwargs: object) -> object:
            return delegate(dag(*args, **kwargs), **options)

        return factory
    if original_wanted():
        return dag
    from ductwork_airflow.delegate.options import Options
    from ductwork_airflow.delegate.twin import make_twin

    return make_twin(dag, Options.of(options))


def original_wanted() -> bool:
    """Whether this process is to see DAGs as their authors wrote them."""
    return any(os.environ.get(name) for name in WANTS_ORIGINAL)
