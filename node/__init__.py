"""The process around the ledger: HTTP server, writer thread, verifying client and command line (design sections 8, 9).

`verify` and `audit` run on the base dependencies alone, so nothing here imports aiohttp or plyvel before it is needed.
"""
