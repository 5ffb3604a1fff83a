"""Schemas of the answers in `GET /openapi.json` (JSON Schema 2020-12): exactly the fields that node/views.py,
node/moneyviews.py and node/routes/ write, which tests hold against real answers."""

from __future__ import annotations

from typing import Any

from ledger.errors import PROBLEM_TYPES
from ledger.trace import VERSION_OF
from node.health import REASONS
from proofs.fields import RELATIONS, USES
from proofs.kinds import KINDS

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    """A named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema, **more: Any) -> Schema:
    """A list."""
    return {"type": "array", "items": items, **more}


def shape(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """An object with these fields and no other."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def text(**more: Any) -> Schema:
    """A string."""
    return {"type": "string", **more}


def one_of(*words: str) -> Schema:
    """One of these words."""
    return {"enum": list(words)}


def or_null(schema: Schema) -> Schema:
    """That, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


HEX = text(pattern="^[0-9a-f]{64}$", description="32 bytes in lower-case hex")
SIGNATURE = text(pattern="^[0-9a-f]{128}$")
REF = text(pattern="^(0|[1-9][0-9]*):[0-9a-f]{64}$", description="INDEX:HEX, an entry by index and leaf hash")
NANOS = text(pattern="^(0|[1-9][0-9]*)$", description="10^-9 of a unit of the currency")
COUNT = {"type": "integer", "minimum": 0}
BPS = {"type": "integer", "minimum": 0, "maximum": 10_000}
BOOL = {"type": "boolean"}
CURRENCY = text(pattern="^[0-9A-Z]{3,12}$")
CHECKPOINT = text(description="a signed checkpoint (C2SP tlog-checkpoint)")
# Numbers of a record's own can pass 2^53; they are strings there.
NUMBER = {"type": ["integer", "string"]}

_PROBLEM = {
    "title": text(),
    "status": {"type": "integer", "minimum": 400, "maximum": 599},
    "detail": text(),
}
_HELP = {"field": text(), "expected": text()}

_ROW = {
    "index": COUNT,
    "ref": REF,
    "kind": one_of("asset", "description"),
    "party": HEX,
    "retired": BOOL,
}
_ROW_MORE = {
    "type": text(), "name": text(), "title": text(), "version": text(), "license": text(), "aka": array(text()),
}  # fmt: skip

_BALANCE = {
    "payer": HEX, "payee": HEX, "currency": CURRENCY, "payer_name": text(), "payee_name": text(), "lines": COUNT,
    "credit_lines": COUNT, "accrued": text(pattern="^(0|-?[1-9][0-9]*)$"), "stated": NANOS, "received": NANOS,
    "open": NANOS, "statement": or_null(REF), "to": COUNT,
}  # fmt: skip

_KEY = {
    "key": HEX, "party": HEX, "role": one_of("main", "delegate"), "kinds": array(one_of(*KINDS)),
    "status": one_of("active", "rotated", "revoked"), "next": COUNT, "bound": COUNT,
}  # fmt: skip

# Pairs of leaf index and amount. (`prefixItems` would say so; not every reader of OpenAPI knows it.)
_LINES = array({"type": "array", "items": {"anyOf": [COUNT, NANOS]}, "minItems": 2, "maxItems": 2})

_TERMS_MORE = {
    "prohibits": array(text()), "duties": array(text()), "splits": array(shape({"party": HEX, "bps": BPS})),
    "derivatives": BPS, "needs_grant": BOOL, "on_match": one_of("track", "charge", "block"), "arbiter": HEX,
    "license": text(), "url": text(), "text": HEX,
}  # fmt: skip

_FIGURES = {
    "lines": NUMBER, "gross": NANOS, "root": HEX, "credit_lines": NUMBER, "credits": NANOS, "credit_root": HEX,
    "billed": NANOS, "due": text(), "unpriced": NUMBER, "unlicensed": NUMBER,
}  # fmt: skip

_EVENT = shape({"index": COUNT, "kind": one_of(*KINDS)})

_PARTY_NAMED = {"party": HEX, "party_name": text()}
_USE_SUM = shape(
    {
        "use": one_of(*USES), "status": text(), **_PARTY_NAMED, "into": or_null(text()), "uses": COUNT,
        "charge": NANOS, "currency": or_null(CURRENCY),
    }
)  # fmt: skip
_EARNED = shape(
    {
        "through": text(), "payer": HEX, "payer_name": text(), "currency": CURRENCY, "uses": COUNT, "amount": NANOS,
    },
    {"credited": NANOS},
)  # fmt: skip
_MATERIAL = {
    "id": text(), "level": {"type": "integer"}, "title": text(), "uses": array(_USE_SUM),
    "disputes": array(shape({"index": COUNT, "target": COUNT, "state": text()})),
    "findings": array(
        {
            "anyOf": [
                shape({"index": COUNT, "kind": one_of("canary"), **_PARTY_NAMED, "count": COUNT}),
                shape(
                    {
                        "index": COUNT, "kind": one_of("claim"), **_PARTY_NAMED, "asset": text(),
                        "accused": or_null(text()),
                        "against": {"anyOf": [shape({"asset": text()}), shape({"party": HEX}), shape({"digest": HEX})]},
                    }
                ),
            ]
        }
    ),
    "findings_left_out": or_null(COUNT),
    "claims_withdrawn": COUNT,
}  # fmt: skip
_DESCRIPTION = shape({"index": COUNT, "ref": REF, **_PARTY_NAMED, "record": ref("RecordFields")})
_LINEAGE_NODE = {
    "anyOf": [
        shape(
            {
                **_MATERIAL, "kind": {"const": "asset"}, "ref": REF, **_PARTY_NAMED, "retired": BOOL,
                "record": ref("RecordFields"), "earned": array(_EARNED),
                "terms": or_null(shape({"ref": REF, "license": or_null(text()), "currency": CURRENCY})),
            }
        ),
        shape(
            {
                **_MATERIAL, "kind": {"const": "external"}, "descriptions": array(_DESCRIPTION),
                "claimed_by": array(text()),
            }
        ),
    ]
}  # fmt: skip
_LINEAGE_EDGE = shape(
    {
        "from": text(), "to": text(), "kind": one_of("source", "claim"),
        "relations": array(one_of(*RELATIONS, VERSION_OF)),
        "bps": BPS, "said_by": array(shape({"index": COUNT, **_PARTY_NAMED})), "uses": array(_USE_SUM),
        "earned": array(_EARNED),
    }
)  # fmt: skip

SCHEMAS: dict[str, Schema] = {
    "Problem": shape({"type": {"const": "about:blank"}, **_PROBLEM}, {**_HELP, "reasons": array(one_of(*REASONS))}),
    "Refusal": shape(
        {"type": one_of(*PROBLEM_TYPES), **_PROBLEM},
        {
            **_HELP,
            "position": COUNT,
            "next": COUNT,
            "statement": COUNT,
            "terms": or_null(REF),
            "figures": shape({}, _FIGURES),
            "batch_max": COUNT,
            "retry_after_s": COUNT,
        },
    ),
    "Taken": shape(
        {
            "status": {"const": 200},
            "first_index": COUNT,
            "count": {"type": "integer", "minimum": 1},
            "statuses": array(text(), minItems=1),
        }
    ),
    "Answer": shape(
        {"results": array({"anyOf": [ref("Taken"), ref("Refusal")]}, minItems=1), "checkpoint": CHECKPOINT},
        {"proof": text(description="the tlog-proof of a request's one record")},
    ),
    "RecordFields": {
        "type": "object",
        "description": "a record's own fields, as its kind has them: docs/spec.md",
        "properties": {"kind": one_of(*KINDS), "at": NUMBER},
        "required": ["kind", "at"],
    },
    "Record": shape(
        {
            "index": COUNT,
            "ref": REF,
            "leaf": HEX,
            "status": text(),
            "signer": shape({"key": HEX, "party": HEX}),
            "number": COUNT,
            "batch": shape(
                {"first": COUNT, "count": COUNT, "position": COUNT, "size": COUNT, "root": HEX, "signature": SIGNATURE}
            ),
            "record": ref("RecordFields"),
        },
        {
            "reason": text(),
            "judged_as": REF,
            "terms": REF,
            "currency": CURRENCY,
            "charge": NANOS,
            "lines": array(shape({"payee": HEX, "currency": CURRENCY, "amount": NANOS})),
            "corrected_to": {"type": "object", "additionalProperties": NANOS},
            "received": NANOS,
            "open": NANOS,
            "dispute": text(),
            "events": array(_EVENT, minItems=1),
        },
    ),
    "Records": shape({"records": array(ref("Record")), "next": or_null(COUNT), "size": COUNT}),
    "Key": {"anyOf": [shape(_KEY), shape({"next": {"const": 0}})]},
    "Party": shape(
        {"party": HEX, "name": text(), "profile": REF, "main": HEX, "ended": BOOL, "keys": array(shape(_KEY))},
        {"url": text(), "contact": text()},
    ),
    "AssetRow": shape(_ROW, _ROW_MORE),
    "Assets": shape({"assets": array(ref("AssetRow")), "next": or_null(COUNT)}),
    "Lineage": shape(
        {
            "format": {"const": "usance/lineage/v1"},
            "root": text(),
            "size": COUNT,
            "since": COUNT,
            "direction": one_of("both", "up", "down"),
            "depth": COUNT,
            "truncated": array(text()),
            "nodes": array(_LINEAGE_NODE, minItems=1),
            "edges": array(_LINEAGE_EDGE),
        },
        {"path": or_null(array(text(), minItems=1))},
    ),
    "Matches": shape(
        {
            "rule": one_of("documents", "answers"),
            "scheme": text(),
            "index": shape({"owners": COUNT, "items": COUNT}),
            "pairs": array(
                shape(
                    {
                        "item": COUNT,
                        "owner": REF,
                        "prints_root": HEX,
                        "source": shape({"sha256": HEX, "length": COUNT}),
                        **dict.fromkeys(("hits", "of_item", "of_source", "run", "place"), COUNT),
                        "copy": BOOL,
                    }
                )
            ),
            "left_out": COUNT,
            "too_short": array(COUNT),
            "boilerplate": COUNT,
            "owners": {
                "type": "object",
                "additionalProperties": shape({"title": text(), "on_match": or_null(text()), "retired": BOOL}),
            },
        }
    ),
    "PrintSet": shape({"ref": REF, "status": one_of("taken", "there"), "items": COUNT, "prints": COUNT, "root": HEX}),
    "Terms": shape(
        {
            "currency": CURRENCY,
            "offers": array(shape({"use": text(), "unit": text(), "price": NANOS, "per": NANOS})),
        },
        _TERMS_MORE,
    ),
    "Asset": shape(
        {**_ROW, "record": ref("RecordFields"), "status": text()},
        {
            **_ROW_MORE,
            "withdrawn_by": REF,
            "terms_in_force": REF,
            "terms": ref("Terms"),
            "currency": CURRENCY,
            "pays": array(shape({"asset": REF, "bps": BPS})),
            "cannot_sell": text(),
            "same_root": array(REF),
        },
    ),
    "Balance": shape(_BALANCE),
    "Accounts": shape({"accounts": array(ref("Balance")), "next": or_null(text()), "size": COUNT}),
    "Account": shape(
        {
            **_BALANCE,
            "statements": array(
                shape(
                    {
                        "ref": REF,
                        "index": COUNT,
                        "to": COUNT,
                        "due": NANOS,
                        "billed": NANOS,
                        "received": NANOS,
                        "open": NANOS,
                    }
                )
            ),
            "size": COUNT,
        }
    ),
    "Draft": shape(
        {
            "statement": shape({"payer": HEX, "payee": HEX, "currency": CURRENCY, "to": NUMBER, **_FIGURES}),
            "statable": BOOL,
            "reason": or_null(text()),
        }
    ),
    "Lines": {"anyOf": [shape({name: _LINES, "next": or_null(COUNT), "size": COUNT}) for name in ("lines", "credits")]},
    "Conflicts": shape(
        {
            "conflicts": array(
                shape({"key": HEX, "lines": text(), "signature": SIGNATURE, "first": COUNT, "count": COUNT})
            )
        }
    ),
    "Evidence": {
        "type": "object",
        "description": "an evidence file (usance/evidence/v1): docs/spec.md",
        "properties": {"format": {"const": "usance/evidence/v1"}},
        "required": ["format", "checkpoint", "entries", "usage", "lines"],
    },
}
"""Every schema that an answer is made of, by name."""
