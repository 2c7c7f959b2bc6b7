"""What the engine costs, beside a floor that is measured in the same run: `python -m benchmarks`."""
