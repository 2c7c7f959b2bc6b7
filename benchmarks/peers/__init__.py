"""What other libraries cost for the same work, in the same run: `python -m benchmarks.peers`."""
