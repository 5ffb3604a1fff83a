"""One minimal and one full body of every record kind,
written from the design's table (section 4) and not from the code.

`MINIMAL[kind]` has the required fields, `FULL[kind]` the optional ones besides; where fields exclude each other, the
ones left out are in `OTHER[kind]`.
"""

from typing import Any

DIGEST = bytes(range(32))
PARTY = bytes(range(100, 132))
KEY = bytes(range(50, 82))
REF = (7).to_bytes(8, "big") + DIGEST
SUM = bytes(15) + b"\x09"
NAME = "doi:10.1234/x"

PROFILE = {"url": "https://a.example", "contact": "a@example"}
TERMS = {"currency": "EUR", "offers": [{"per": 1000, "price": 5, "unit": "token", "use": "train"}]}
TERMS_MORE = {
    "prohibits": ["distill", "redistribute"],
    "duties": ["attribution", "open"],
    "splits": [{"bps": 7000, "party": PARTY}, {"bps": 3000, "party": KEY}],
    "derivatives": 500,
    "needs_grant": True,
    "on_match": "charge",
    "arbiter": PARTY,
    "license": "CC-BY-4.0",
    "url": "https://a.example/terms",
    "text": DIGEST,
}
DESCRIBED = {
    "version": "2",
    "root": DIGEST,
    "items": 3,
    "bytes": 300,
    "media": "text/plain",
    "uri": "s3://bucket/key",
    "license": "MIT OR Apache-2.0",
    "iscc": "ISCC:KACYPXW445FTYNJ3",
    "origin": "licensed",
    "modality": "text",
    "collected_from": 1000,
    "collected_until": 2000,
    "sources": [{"as": "contains", "asset": REF}, {"as": "trained_on", "asset": NAME, "bps": 0}],
}
USAGE = {"asset": REF, "use": "train", "quantities": {"byte": 9, "token": 1000}, "from": 1000, "until": 2000}
USAGE_MORE = {
    "terms": REF,
    "into": REF,
    "items": DIGEST,
    "item_count": 4,
    "calls": 5,
    "detail": DIGEST,
    "seen_by": "user",
    "user": DIGEST,
    "call": "c-1",
    "commitment": DIGEST,
    "names": ["model", "prompt"],
    "attrs": {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 12},
    "claim": REF,
}
STATEMENT = {
    "payer": PARTY, "payee": KEY, "currency": "EUR", "to": 9, "lines": 2, "gross": SUM, "root": DIGEST,
    "credit_lines": 0,
    "credits": bytes(16), "credit_root": DIGEST, "billed": SUM, "due": 5, "unpriced": 0, "unlicensed": 1,
}  # fmt: skip
MONEY = {"statement": REF, "amount": 5, "method": "sepa", "reference": "r-1"}
CLAIM = {
    "asset": REF, "against": {"party": PARTY}, "method": "winnow", "score": 900_000, "threshold": 500_000, "fpr": 46,
    "length": 400, "proves": "a long verbatim match", "evidence": DIGEST,
}  # fmt: skip

REQUIRED: dict[str, dict[str, Any]] = {
    "genesis": {"origin": "log.example/one", "name": "operator"},
    "party": {"name": "lab"},
    "delegate": {"key": KEY, "kinds": ["none", "usage"], "accept": bytes(64)},
    "rotate": {"key": KEY, "accept": bytes(64)},
    "revoke": {"key": KEY},
    "asset": {"type": "dataset", "name": "corpus"},
    "terms": {"asset": REF, **TERMS},
    "description": {"name": NAME, "type": "work"},
    "grant": {"terms": REF, "licensee": PARTY},
    "withdraw": {"target": REF},
    "usage": USAGE,
    "none": {"from": 1000, "until": 2000},
    "correction": {"usage": REF, "quantities": {"token": 5}, "reason": "counted twice"},
    "accept": {"correction": REF},
    "statement": STATEMENT,
    "payment": MONEY,
    "receipt": MONEY,
    "dispute": {"target": REF, "reason": "wrong"},
    "resolution": {"dispute": REF, "outcome": "upheld"},
    "canary": {"root": DIGEST, "count": 100},
    "claim": CLAIM,
}
OPTIONAL: dict[str, dict[str, Any]] = {
    "genesis": PROFILE,
    "party": PROFILE,
    "revoke": {"reason": "lost"},
    "asset": {**DESCRIBED, "aka": [NAME, "pkg:pypi/x"], "prints": {"count": 5, "root": DIGEST, "scheme": "winnow/1"},
              "terms": {**TERMS, **TERMS_MORE}},
    "terms": TERMS_MORE,
    "description": {"title": "A work", **DESCRIBED},
    "usage": USAGE_MORE,
    "dispute": {"note": "see there", "evidence": DIGEST},
    "resolution": {"note": "so be it"},
    "canary": {"asset": REF},
}  # fmt: skip
OTHER: dict[str, dict[str, Any]] = {"usage": {"into_name": "model-1", "item": DIGEST, "party": PARTY}}

AT = 1_700_000_000_000
MINIMAL = {kind: {"kind": kind, "at": AT, **fields} for kind, fields in REQUIRED.items()}
FULL = {kind: {**fields, **OPTIONAL.get(kind, {})} for kind, fields in MINIMAL.items()}
