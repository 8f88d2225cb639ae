"""JSONata as Step Functions evaluates it, made of jsonata-python."""
