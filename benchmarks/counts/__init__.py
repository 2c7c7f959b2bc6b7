"""What small workloads cost in instructions and allocations, which don't depend on what else the machine does."""
