"""The deep run: all properties, round after round, each with a seed of its own, for as long as it's given."""
