"""Runs in .venv-openapi, on schemathesis: real requests, each answer judged by the document that the node serves.

    probe.py URL FILE

FILE: a JSON list of {"method", "path", "parameters", "query", "body" (hex), "type" (of the body), "token", "status"};
`path` as in the document.
Prints what is wrong, and exits 1 where anything is.
"""

import json
import sys
from pathlib import Path

import hooks
import schemathesis

MEDIA_TYPE = hooks.MEDIA_TYPE


def problem_with(schema: "schemathesis.schemas.BaseSchema", wanted: dict) -> str:
    """What is wrong with the answer to one request, or nothing."""
    operation = schema[wanted["path"]][wanted["method"]]
    more = (
        {"body": bytes.fromhex(wanted["body"]), "media_type": wanted.get("type", MEDIA_TYPE)}
        if wanted.get("body")
        else {}
    )
    if "token" in wanted:
        more["headers"] = {"Authorization": f"Bearer {wanted['token']}"}
    case = operation.Case(path_parameters=wanted.get("parameters", {}), query=wanted.get("query", {}), **more)
    response = case.call()
    if response.status_code != wanted.get("status", 200):
        return f"{response.status_code}: {response.content[:300]!r}"
    try:
        case.validate_response(response)
    except BaseException as error:  # a group of failures
        return f"{response.status_code}: {error} {getattr(error, 'exceptions', '')}"[:3000]
    return ""


def main() -> int:
    """See the module."""
    url, file = sys.argv[1:]
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    asked = json.loads(Path(file).read_text(encoding="utf-8"))
    wrong = [(wanted, said) for wanted in asked if (said := problem_with(schema, wanted))]
    for wanted, said in wrong:
        print(f"{wanted['method']} {wanted['path']} {wanted.get('parameters')} {wanted.get('query')}: {said}")
    print(f"{len(asked)} requests, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
