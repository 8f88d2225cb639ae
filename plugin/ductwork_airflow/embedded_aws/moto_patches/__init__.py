"""What moto's Step Functions and DynamoDB lack or do otherwise than AWS."""
