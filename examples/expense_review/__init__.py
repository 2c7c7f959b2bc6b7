"""Expense claims, reviewed with a person: what `examples/expenses.py` is made of.

Read `workflow` first: its steps are the whole job. `claims` reads the CSV, `decisions` writes the result, `saving`
keeps the run in a file, and `terminal` asks the person.
"""
