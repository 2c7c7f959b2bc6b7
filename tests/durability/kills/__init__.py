"""The kill harness: processes at work on one file are killed at random instants, and an oracle looks at the rest."""
