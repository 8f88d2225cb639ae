"""Python in JSONata: values as Python has them, and what its functions, and Airflow's, make of them."""
