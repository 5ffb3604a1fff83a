"""What a verifier of a Usance log needs, and nothing else: bytes in, decision out.

Nothing here reads a file, a socket, a database or a clock; times and keys are passed in. The package imports the
standard library, cryptography and msgpack only, so that an auditor installs no more than that.

Conventions that hold in every module:

* A checking function returns nothing (or what it has checked) or raises; none returns a bool that can be overlooked.
* Input that is not of the form its standard asks for raises ``InputError``; input of the right form whose signature,
  proof or figure doesn't hold raises ``VerifyError``. See ``proofs.errors``.
* Every parser accepts one form only: what it parsed prints back to the same bytes.
"""
