"""Account numbers and bank codes: IBAN (ISO 13616, check digits of ISO 7064 mod 97-10) and BIC (ISO 9362)."""

from __future__ import annotations

import re

from proofs.errors import InputError

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
# What both versions of pain.001 that are written here take: letters first, no place codes of test banks.
_BIC = re.compile(r"[A-Z]{6}[A-Z2-9][A-NP-Z0-9](?:[A-Z0-9]{3})?", re.ASCII)

SEPA_IBAN_LENGTHS = {
    "AD": 24, "AL": 28, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20,
    "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GI": 23, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IS": 26, "IT": 27,
    "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MT": 31, "NL": 18, "NO": 15,
    "PL": 28, "PT": 25, "RO": 24, "RS": 22, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "VA": 22,
}  # fmt: skip
"""Characters of an IBAN by country code, of the countries that SEPA reaches (some territories use another's code)."""


def check_iban(text: str, *, field: str) -> str:
    """The IBAN without spaces. Raises InputError for a wrong form, a wrong length where the country's is known, and
    check digits that don't fit."""
    iban = text.replace(" ", "")
    if _IBAN.fullmatch(iban) is None:
        raise InputError(
            "no IBAN",
            field=field,
            expected="a country code, two check digits and 11 to 30 of A-Z 0-9; spaces may stand between",
        )
    length = SEPA_IBAN_LENGTHS.get(iban[:2])
    if length is not None and len(iban) != length:
        raise InputError(
            f"an IBAN of {len(iban)} characters", field=field, expected=f"{length} characters for {iban[:2]}"
        )
    if int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 != 1:
        raise InputError("the IBAN's check digits don't fit", field=field, expected="the IBAN as the bank gave it")
    return iban


def check_bic(text: str, *, field: str) -> str:
    """The BIC. Raises InputError for a wrong form."""
    if _BIC.fullmatch(text) is None:
        raise InputError("no BIC", field=field, expected="8 or 11 characters, as COBADEFFXXX")
    return text
