"""Reports that the law asks of a model's provider, filled in from a lineage and the records of its uses: what
the log has, with who says it, and what it hasn't, which is printed as missing. Nothing here asks a node or reads a
file.
"""
