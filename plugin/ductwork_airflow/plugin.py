"""Ductwork as Airflow sees it in its list of plugins. Every process of Airflow imports this: it must stay light."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class DuctworkPlugin(AirflowPlugin):  # type: ignore[misc]
    """Operators bring their links themselves, see ``operator_extra_links``; there is nothing to register for them."""

    name = "ductwork"
