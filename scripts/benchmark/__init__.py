"""The project's benchmark: `scripts/bench` runs it and prints JSON."""
