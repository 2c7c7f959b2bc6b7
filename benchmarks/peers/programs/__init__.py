"""Programs that run in the peers' environments: what they import isn't installed in ours, but for `speaking`."""
