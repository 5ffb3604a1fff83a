"""The HTTP routes (design section 8), one module for each group."""
