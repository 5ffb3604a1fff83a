"""Agents around the ledger (design section 6): payments that leave, money that came, and what two meters saw."""
