"""Currencies and their minor units (design section 6; the table stands in docs/spec.md, too).

Amounts are nanos, 10^-9 of one unit, of any currency. Only what is due is rounded: down to the smallest amount that can
be paid, the minor unit of ISO 4217. The table is frozen, because a replay must decide the same years later: it is the
official list one ("active codes") as published on LIST_DATE. Codes to which that list gives no minor unit (metals, XDR,
XTS, XXX and their like) aren't in it, and count as other assets, as does every code that ISO doesn't know.
"""

from __future__ import annotations

LIST_DATE = "2026-01-01"
"""When the list was published of which the table is a copy."""

NANOS_DIGITS = 9

_CODES_BY_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
    "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
    "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
    "MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP "
    "SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG "
    "YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

MINOR_UNIT_DIGITS: dict[str, int] = {
    code: digits for digits, codes in _CODES_BY_DIGITS.items() for code in codes.split()
}
"""Decimal digits of the minor unit by currency code: 2 for EUR, whose minor unit is a cent."""


def minor_unit_nanos(currency: str) -> int:
    """The smallest amount of a currency that can be paid, in nanos: 10^7 for EUR, 10^9 for JPY.

    1 for any code that isn't in the table: other assets aren't rounded. Never raises. Source: design section 6.
    """
    digits = MINOR_UNIT_DIGITS.get(currency)
    return 1 if digits is None else 10 ** (NANOS_DIGITS - digits)


def round_down(nanos: int, currency: str) -> int:
    """The largest whole number of the currency's minor units in `nanos` (≥ 0), itself in nanos. Never raises."""
    return nanos - nanos % minor_unit_nanos(currency)
