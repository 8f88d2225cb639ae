import sys

from ductwork_airflow.worker import main

sys.exit(main())
