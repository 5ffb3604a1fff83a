"""The client's spool: what a program logs survives its crash and a node's absence, once and only once (design section
8, "The client's spool"; docs/spool.md)."""
