from airflow.sdk import DAG, task

with DAG("chain_values"):

    @task
    def one():
        return {"a": [1, 2.5, None, True, "text with 'quotes' and \"more\""]}

    @task
    def two(value):
        return [value["a"][0], list(reversed(value["a"]))]

    @task
    def three(value):
        return value[0] + 1

    three(two(one()))
