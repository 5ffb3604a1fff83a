"""What was made of what: the lineage of a target as a node answers it (`usance/lineage/v1`), read strictly and written
out as a tree, a drawing, DOT, W3C PROV and OpenLineage. Nothing here asks a node or reads a file.
"""
