"""Tests, in folders by purpose. Shared pieces are imported as `tests.<module>`."""
