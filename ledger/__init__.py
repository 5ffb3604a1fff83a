"""The log and its state on LevelDB: synchronous, without HTTP and without asyncio (design section 9).

The rules don't know where the order of batches comes from: a node's writer, a replay of somebody else's log and a test
run the same code.
"""
