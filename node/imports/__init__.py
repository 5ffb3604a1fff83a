"""Readers of the formats in which licences, data sets, prices and provenance exist, and records made of them."""
