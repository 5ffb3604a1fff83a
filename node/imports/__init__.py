"""Readers of the formats in which licences, data sets, prices and provenance exist, and what becomes records of them."""
