"""What both packages, and AWS, hold each other to: ledger, names, limits, exit codes, documents."""
