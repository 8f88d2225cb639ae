"""Keys of the context of tasks and templates that Airflow 3 no longer has.

Source: the templates reference of Airflow 2
(https://airflow.apache.org/docs/apache-airflow/2.10.5/templates-ref.html#deprecated-variables), which names what to use
instead, and the release notes of Airflow 3.0.
"""

from __future__ import annotations

# Another key has the same value.
SAME = {
    "execution_date": "logical_date",
    "next_execution_date": "data_interval_end",
    "triggering_dataset_events": "triggering_asset_events",
}
_DAY = "macros.timedelta(days=1)"
# What a template says instead; it has no quotes, since it stands in somebody's string.
IN_TEMPLATES = {
    **SAME,
    "next_ds": "data_interval_end | ds",
    "next_ds_nodash": "data_interval_end | ds_nodash",
    "yesterday_ds": "macros.ds_add(ds, -1)",
    "yesterday_ds_nodash": f"(logical_date - {_DAY}) | ds_nodash",
    "tomorrow_ds": "macros.ds_add(ds, 1)",
    "tomorrow_ds_nodash": f"(logical_date + {_DAY}) | ds_nodash",
}
# What Python says instead of ``context["next_ds"]``; {} is ``context``.
IN_PYTHON = {
    "next_ds": '{}["data_interval_end"].strftime("%Y-%m-%d")',
    "next_ds_nodash": '{}["data_interval_end"].strftime("%Y%m%d")',
    "yesterday_ds": '{}["logical_date"].subtract(days=1).strftime("%Y-%m-%d")',
    "yesterday_ds_nodash": '{}["logical_date"].subtract(days=1).strftime("%Y%m%d")',
    "tomorrow_ds": '{}["logical_date"].add(days=1).strftime("%Y-%m-%d")',
    "tomorrow_ds_nodash": '{}["logical_date"].add(days=1).strftime("%Y%m%d")',
}
WITHOUT_SUCCESSOR = ("prev_ds", "prev_ds_nodash", "prev_execution_date", "prev_execution_date_success")
