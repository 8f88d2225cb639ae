"""What Ductwork's operator and trigger do inside Airflow."""
