"""moto's server, with those patches to its DynamoDB that change what an answer costs and not the answer."""

from __future__ import annotations

from ductwork_airflow.embedded_aws.moto_patches.dynamodb import patch_dynamodb_queries, patch_dynamodb_transactions
from moto.server import main

if __name__ == "__main__":
    patch_dynamodb_transactions()
    patch_dynamodb_queries()
    main()
