"""One-line defects of RSL and Croissant, read and written, as in breaks.py; their tests are each format's own."""

from tests.sabotage.breaks import Break

WEB_FORMAT_BREAKS = (
    Break(
        "a document type is let in", "node/xmlstream.py",
        "        parser.StartDoctypeDeclHandler = self._refuse_type\n", "",
        ("tests/imports/test_rsl.py", "tests/node/agents/test_camt053.py"),
    ),
    Break(
        "elements of other namespaces count", "node/xmlstream.py",
        'name if namespace == self._namespace else ""', "name",
        ("tests/imports/test_rsl.py",),
    ),
    Break(
        "a licence for some holds for all", "node/imports/rsllicenses.py",
        "        licence.limited = True\n        detail = \"terms hold for everybody",
        "        detail = \"terms hold for everybody",
        ("tests/imports/test_rsl.py",),
    ),
    Break(
        "a list of permissions is open", "node/imports/rsllicenses.py",
        "    listed = COVERED if permits is None else permits\n", "    listed = COVERED\n",
        ("tests/imports/test_rsl.py", "tests/exports/test_rsl_export.py"),
    ),
    Break(
        "another licence's prohibition doesn't count", "node/imports/rslterms.py",
        "for use in licence.permitted} - named\n", "for use in licence.permitted}\n",
        ("tests/imports/test_rsl.py",),
    ),
    Break(
        "the lower of two prices holds", "node/imports/rslterms.py",
        "key=lambda one: Fraction(one.price, one.per), reverse=True)", "key=lambda one: Fraction(one.price, one.per))",
        ("tests/imports/test_rsl.py",),
    ),
    Break(
        "free in one licence is free", "node/imports/rslterms.py",
        "if use in allowed and use not in paid)", "if use in allowed)",
        ("tests/imports/test_rsl.py",),
    ),
    Break(
        "prices of two currencies are mixed", "node/imports/rslterms.py",
        "    if len(currencies) < 2:\n", "    if len(currencies) < 9:\n",
        ("tests/imports/test_rsl.py",),
    ),
    Break(
        "RSL's amounts go by way of a float", "node/imports/rsllicenses.py",
        "exact_price(Decimal(amount.text))", "exact_price(Decimal(float(amount.text)))",
        ("tests/imports/test_rsl.py",),
    ),
    Break(
        "a subscription is free", "node/imports/rslwords.py",
        'FREE = ("free", "attribution")', 'FREE = ("free", "attribution", "subscription")',
        ("tests/imports/test_rsl.py",),
    ),
    Break(
        "a usage is permitted where some of its uses are", "node/exports/rsl.py",
        "        if prohibited:\n            for use in uses:\n",
        "        if len(prohibited) == len(uses):\n            for use in uses:\n",
        ("tests/exports/test_rsl_export.py",),
    ),
    Break(
        "a use without an offer is given away", "node/exports/rsl.py",
        "        if not found:\n            found.append(ARRANGED)\n",
        "        if not found:\n            found.append(free)\n",
        ("tests/exports/test_rsl_export.py",),
    ),
    Break(
        "what needs a grant is given away", "node/exports/rsl.py",
        'self._terms.get("needs_grant", False) or (\n', '(\n',
        ("tests/exports/test_rsl_export.py",),
    ),
    Break(
        "an RSL price is for as many units as the offer says", "node/exports/rsl.py",
        'offer["per"] * 10**NANOS_DIGITS', "10**NANOS_DIGITS",
        ("tests/exports/test_rsl_export.py",),
    ),
    Break(
        "RSL isn't escaped", "node/exports/rsl.py",
        "lines.append(f\"    <terms>{escape(self._terms['url'])}</terms>\")",
        "lines.append(f\"    <terms>{self._terms['url']}</terms>\")",
        ("tests/exports/test_rsl_export.py",),
    ),
    Break(
        "a manifest is made of files without exact sizes", "node/imports/croissant.py",
        "        if size is None or _SHA256", "        size = size or re.fullmatch(\"(.)\", \"0\")\n"
        "        if size is None or _SHA256",
        ("tests/imports/test_croissant.py",),
    ),
    Break(
        "a stated root isn't compared with the files", "node/imports/croissant.py",
        "    if said and said != made:\n", "    if said and not made:\n",
        ("tests/imports/test_croissant.py",),
    ),
    Break(
        "files within an archive count beside it", "node/imports/croissant.py",
        '        if "containedIn" in part:\n', '        if "contained" in part:\n',
        ("tests/imports/test_croissant.py",),
    ),
    Break(
        "several licences are one of them", "node/imports/croissant.py",
        '" AND ".join(parts) or None', '" OR ".join(parts) or None',
        ("tests/imports/test_croissant.py",),
    ),
    Break(
        "a day ends as it begins", "node/imports/croissanttimes.py",
        "ms + _DAY_MS - 1 if is_end", "ms if is_end",
        ("tests/imports/test_croissant.py",),
    ),
    Break(
        "an offer's unknown condition is passed over", "node/imports/croissantterms.py",
        "    if strange:\n", "    if len(strange) > 9:\n",
        ("tests/exports/test_croissant_export.py",),
    ),
    Break(
        "a condition of a whole policy is passed over", "node/imports/croissantterms.py",
        "    if unknown:\n", "    if len(unknown) > 9:\n",
        ("tests/exports/test_croissant_export.py",),
    ),
    Break(
        "what owes a share is licensed free", "node/exports/rsl.py",
        'elif self._terms.get("derivatives") and usage', 'elif self._terms.get("derivative") and usage',
        ("tests/exports/test_rsl_export.py",),
    ),
    Break(
        "a licence that the file can't name is dropped", "node/exports/rsl.py",
        'is_more = "license" in self._terms or', 'is_more = "licence" in self._terms or',
        ("tests/exports/test_rsl_export.py",),
    ),
    Break(
        "an amount counts in any currency", "node/imports/croissantterms.py",
        '    if constraint.get("odrl:unit") != currency:\n', '    if constraint.get("odrl:unit") is Ellipsis:\n',
        ("tests/exports/test_croissant_export.py",),
    ),
    Break(
        "a prohibition that isn't understood is none", "node/imports/croissantterms.py",
        "if any(use is None for use in prohibited) or len(prohibited)", "if False and len(prohibited)",
        ("tests/exports/test_croissant_export.py",),
    ),
    Break(
        "a source's address is taken for another name", "node/exports/croissant.py",
        'return {"@id": name} if external_name(name) == name else', 'return {"@id": name} if name else',
        ("tests/exports/test_croissant_export.py",),
    ),
)  # fmt: skip
