"""Spreads the moments at which many clients try again.

From the system's randomness, never from the module `random`: that one belongs to the program around the library. It is
often seeded, so all workers of a training would try again at the same moment, and a number drawn from it between two of
the program's own would change what it trains.
"""

import secrets

_system = secrets.SystemRandom()


def spread(low: float, high: float) -> float:
    """A number from `low` to `high`, drawn evenly."""
    return _system.uniform(low, high)
