"""One-line defects of calibration, as in breaks.py."""

from tests.sabotage.breaks import Break

TABLES = ("tests/detect/test_calibration.py",)
MEASURING = ("tests/detect/test_calibrating.py",)
COMMAND = ("tests/detect/test_detect_calibrate.py",)

DETECT_CALIBRATION_BREAKS = (
    Break(
        "a rate is rounded down",
        "node/detect/calibration.py",
        "return -(-self.false * MILLION // self.pairs)",
        "return self.false * MILLION // self.pairs",
        TABLES,
    ),
    Break(
        "the bound of a rate is the lower one",
        "node/detect/calibration.py",
        "return _ppm(wilson(self.false, self.pairs, upper=True))",
        "return _ppm(wilson(self.false, self.pairs, upper=False))",
        TABLES,
    ),
    Break(
        "a class holds its upper end",
        "node/detect/calibration.py",
        "(rate.high is None or length < rate.high)",
        "(rate.high is None or length <= rate.high)",
        TABLES,
    ),
    Break(
        "a table of another rule is cited",
        "node/detect/calibration.py",
        "        if parts != own or any(",
        "        if False or any(",
        TABLES,
    ),
    Break(
        "rates needn't follow from their counts",
        "node/detect/calibration.py",
        "type(got) is not int or got != meant",
        "type(got) is not int",
        TABLES,
    ),
    Break(
        "classes may overlap",
        "node/detect/calibration.py",
        "before.high is None or before.high > low",
        "before.high is None",
        TABLES,
    ),
    Break(
        "a list of boilerplate needn't ascend",
        "node/detect/calibration.py",
        "if _LINE.fullmatch(line) is None or line <= before:",
        "if _LINE.fullmatch(line) is None:",
        TABLES,
    ),
    Break(
        "the package's boilerplate can be changed by a caller",
        "node/detect/calibration.py",
        "    hashes.flags.writeable = False",
        "    hashes.flags.writeable = True",
        TABLES,
    ),
    Break(
        "crowded prints help a measurement",
        "node/detect/calibrating.py",
        "owners_max=len(codes)).pairs",
        "owners_max=None).pairs",
        MEASURING,
    ),
    Break(
        "boilerplate is taken from the half that is measured",
        "node/detect/calibrating.py",
        "other = [entry for entry in entries if (codes[entry.owner] >> split & 1) != half]",
        "other = [entry for entry in entries if (codes[entry.owner] >> split & 1) == half]",
        MEASURING,
    ),
    Break(
        "a pair counts in every split",
        "node/detect/calibrating.py",
        "    return agree & -agree == 1 << split",
        "    return agree >> split & 1 == 1",
        MEASURING,
    ),
    Break(
        "texts of one owner count as unrelated",
        "node/detect/calibrating.py",
        "is_new = start + pair.item < pair.doc and one.owner != other.owner",
        "is_new = start + pair.item < pair.doc",
        MEASURING,
    ),
    Break(
        "pairs of one owner are counted",
        "node/detect/calibrating.py",
        "math.comb(len(entries), 2) - sum(math.comb(count, 2) for count in owned.values()) - never",
        "math.comb(len(entries), 2) - never",
        MEASURING,
    ),
    Break(
        "answers to other prompts are compared",
        "node/detect/calibrating.py",
        "one.owner != other.owner and one.prompt == other.prompt",
        "one.owner != other.owner",
        MEASURING,
    ),
    Break(
        "a print that one owner repeats is boilerplate",
        "node/detect/calibrating.py",
        "(np.unique(np.concatenate(own)) for own in by_owner.values())",
        "(np.concatenate(own) for own in by_owner.values())",
        MEASURING,
    ),
    Break(
        "a piece is longer than its class",
        "node/detect/calibrating.py",
        "size = min(int(low * (high / low) ** chance.random()), high - 1)",
        "size = len(entry.form)",
        MEASURING,
    ),
    Break(
        "rows without an owner are the file's",
        "node/detect/calibrating.py",
        "            elif read.prompt is None:\n                remarks.note(NO_OWNER, read.item.name)\n",
        "            elif read.prompt is None:\n                yield read\n",
        COMMAND,
    ),
    Break(
        "answers' boilerplate takes the place of documents'",
        "node/cli/detectcalibrate.py",
        "base.boilerplate if base is not None and rule_name == ANSWERS else",
        "base.boilerplate if base is not None and False else",
        COMMAND,
    ),
    Break(
        "--bare leaves the package's boilerplate out all the same",
        "node/cli/detectcalibrate.py",
        "known = NO_HASHES if args.bare else calibration.boilerplate()",
        "known = calibration.boilerplate()",
        COMMAND,
    ),
    Break(
        "a table's rates of the same rule are kept beside the new",
        "node/cli/detectcalibrate.py",
        "if base is not None and any(rate.rule == rule_name for rate in base.rates):",
        "if False:",
        COMMAND,
    ),
)
