"""`usance import --publish-terms`: terms that are in force stay, unless somebody says that they are to be replaced."""

import json
from typing import Any

import pytest

from tests.node.clitool import Cli
from tests.node.harness import NodeProcess

TABLE = {"gpt-x": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.5e-7,
                   "output_cost_per_token": 6e-7}}  # fmt: skip
LATER = """currency = "USD"
derivatives = 500
needs_grant = true
prohibits = ["redistribute", "distill"]
[[offers]]
use = "infer"
unit = "input_token"
price = "0.01"
per = 1
[[offers]]
use = "train"
unit = "use"
price = "9"
per = 1
"""


@pytest.fixture
def model(cli: Cli) -> str:
    """An asset that claims the model of the table, with the table's terms."""
    (cli.folder / "table.json").write_text(json.dumps(TABLE))
    asset = str(cli.json("asset", "--name", "m", "--type", "model", "--aka", "model:openai/gpt-x")["ref"])
    assert publish(cli)["terms_to_publish"] == 1
    return asset


def publish(cli: Cli, *options: str) -> dict[str, Any]:
    """The import's summary; `notes`: those on terms, by field."""
    done = cli.json("import", "litellm", "table.json", "--publish-terms", *options)
    done["notes"] = {one["field"]: one for one in done["notes"] if one["field"].startswith("terms")}
    return done


def in_force(node: NodeProcess, asset: str) -> str:
    return str(node.json(f"/assets/{asset}")["terms_in_force"])


def test_terms_that_the_owner_published_since_stay(cli: Cli, node: NodeProcess, model: str) -> None:
    """The same import again, and one with new prices, log nothing over them; each says what differs, a dry run too."""
    (cli.folder / "later.toml").write_text(LATER)
    cli.ok("terms", model, "later.toml")
    later = in_force(node, model)
    for _ in range(2):
        for options in (("--dry-run",), ()):
            done = publish(cli, *options)
            assert (done["terms_to_publish"], done.get("logged", 0)) == (0, 0)
            (note,) = done["notes"].values()
            index = model.partition(":")[0]
            assert (note["reason"], note["field"]) == ("not carried", f"terms of {index}")
            for name in ("derivatives", "needs_grant", "prohibits", "offers infer/input_token", "--replace-terms"):
                assert name in note["detail"]
            assert "currency" not in note["detail"]
        (cli.folder / "table.json").write_text(json.dumps(TABLE).replace("6e-07", "7e-07"))
    assert in_force(node, model) == later


def test_replacing_says_what_is_lost(cli: Cli, node: NodeProcess, model: str) -> None:
    """Each field that changes, with what it was and what it becomes, before it is done and when it is; then never
    again, and not a word."""
    (cli.folder / "later.toml").write_text(LATER)
    cli.ok("terms", model, "later.toml")
    later, index = in_force(node, model), model.partition(":")[0]
    said = publish(cli, "--replace-terms", "--dry-run")
    assert in_force(node, model) == later
    done = publish(cli, "--replace-terms")
    assert (said["terms_to_publish"], done["terms_to_publish"], done["logged"]) == (1, 1, 1)
    assert said["notes"] == done["notes"]
    was = {field.removeprefix(f"terms of {index}, "): note["value"] for field, note in done["notes"].items()}
    assert was == {
        "derivatives": "500", "needs_grant": "true", "prohibits": "distill, redistribute",
        "offers infer/input_token": "0.01 USD per 1", "offers infer/output_token": "nothing",
        "offers train/use": "9.00 USD per 1",
    }  # fmt: skip
    price = done["notes"][f"terms of {index}, offers infer/input_token"]
    assert (price["reason"], "0.00000015 USD per 1" in price["detail"]) == ("replaced", True)
    assert in_force(node, model) != later
    assert publish(cli, "--replace-terms")["terms_to_publish"] == 0


def test_the_same_terms_in_other_words_are_the_same(cli: Cli, model: str) -> None:
    """Offers in another order, and what is said to be nothing, change nothing."""
    offers = "".join(
        f'[[offers]]\nuse = "infer"\nunit = "{unit}"\nprice = "{price}"\nper = 1\n'
        for unit, price in (("output_token", "0.0000006"), ("input_token", "0.00000015"))
    )
    (cli.folder / "same.toml").write_text(f'currency = "USD"\nprohibits = []\nneeds_grant = false\n{offers}')
    cli.ok("terms", model, "same.toml")
    for options in ((), ("--replace-terms",)):
        done = publish(cli, *options)
        assert (done["logged"], done["notes"]) == (0, {})


def test_one_asset_gets_one_of_two_terms(cli: Cli) -> None:
    """An asset that claims two names of a table: the first one's terms, the other's are noted, and a second import
    doesn't turn them round."""
    table = {**TABLE, "gpt-y": {**TABLE["gpt-x"], "output_cost_per_token": 1}}
    (cli.folder / "table.json").write_text(json.dumps(table))
    names = ("--aka", "model:openai/gpt-x", "--aka", "model:openai/gpt-y")
    asset = cli.json("asset", "--name", "m", "--type", "model", *names)["ref"]
    done = publish(cli)
    assert done["terms_to_publish"] == 1
    assert "model:openai/gpt-x too" in done["notes"]["terms"]["detail"]
    assert asset.partition(":")[0] in done["notes"]["terms"]["detail"]
    assert publish(cli, "--replace-terms")["logged"] == 0


def test_to_replace_is_a_way_to_publish(cli: Cli) -> None:
    """Alone it would do nothing, and says so."""
    (cli.folder / "table.json").write_text(json.dumps(TABLE))
    assert "--publish-terms" in cli.fails(2, "import", "litellm", "table.json", "--replace-terms")
