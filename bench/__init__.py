"""What the budgets are checked with: ``python -m bench``. Each row is a module of its own."""
