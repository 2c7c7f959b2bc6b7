"""Expense claims, reviewed with a person: what `examples/expenses.py` is made of.

Read `workflow` first: its steps are the whole job. `desk` is where a run and a person meet, and `reviews` finds the run
of a CSV in the store. `claims` reads the CSV, `decisions` writes the result, and `terminal` reads and shows lines.
"""
