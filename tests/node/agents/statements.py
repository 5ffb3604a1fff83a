"""Bank statements written by hand, in the ways in which banks write camt.053."""

from collections.abc import Iterable

OLD, NEW, NEWEST = "001.02", "001.08", "001.13"


def document(*entries: str, version: str = OLD, head: str = "", account: str = "DE89370400440532013000") -> bytes:
    """One statement of one account. `head`: what stands before the document."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>{head}
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.{version}" xmlns:o="urn:other">
 <BkToCstmrStmt>
  <GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-02-02T06:00:00+01:00</CreDtTm></GrpHdr>
  <Stmt>
   <Id>S1</Id><Acct><Id><IBAN>{account}</IBAN></Id><Ccy>EUR</Ccy></Acct>
   <Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
   {"".join(entries)}
   <AddtlStmtInf>end</AddtlStmtInf>
  </Stmt>
 </BkToCstmrStmt>
</Document>""".encode()


def entry(
    amount: str = "1250.00", *details: str, side: str = "CRDT", status: str = "<Sts>BOOK</Sts>", reference: str = "B1",
    currency: str = "EUR", more: str = "", booked: str = "<Dt>2026-02-02</Dt>", remark: str = "",
) -> str:  # fmt: skip
    """A `Ntry` with these details in it."""
    named = f"<AcctSvcrRef>{reference}</AcctSvcrRef>" if reference else ""
    inner = f"<NtryDtls>{''.join(details)}</NtryDtls>" if details else ""
    told = f"<AddtlNtryInf>{remark}</AddtlNtryInf>" if remark else ""
    return (
        f'<Ntry><NtryRef>1</NtryRef><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>{more}{status}'
        f"<BookgDt>{booked}</BookgDt><ValDt><Dt>2026-02-03</Dt></ValDt>{named}"
        f"<BkTxCd><Prtry><Cd>NTRF</Cd></Prtry></BkTxCd>{inner}{told}</Ntry>"
    )


def detail(
    *texts: str, end_to_end: str = "NOTPROVIDED", reference: str = "", amount: str = "", creditor: str = ""
) -> str:
    """A `TxDtls`. `amount`: XML of whatever says it; `creditor`: a structured reference."""
    named = f"<AcctSvcrRef>{reference}</AcctSvcrRef>" if reference else ""
    told = "".join(f"<Ustrd>{text}</Ustrd>" for text in texts)
    if creditor:
        told += (
            f"<Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp><Ref>{creditor}</Ref></CdtrRefInf></Strd>"
        )
    return (
        f"<TxDtls><Refs>{named}<EndToEndId>{end_to_end}</EndToEndId></Refs>{amount}"
        f"<RltdPties><Dbtr><Nm>Acme</Nm></Dbtr></RltdPties>{f'<RmtInf>{told}</RmtInf>' if told else ''}</TxDtls>"
    )


def ordered(amount: str, currency: str = "EUR") -> str:
    """A detail's amount as version 001.02 says it."""
    return (
        f'<AmtDtls><InstdAmt><Amt Ccy="USD">1.00</Amt></InstdAmt>'
        f'<TxAmt><Amt Ccy="{currency}">{amount}</Amt></TxAmt></AmtDtls>'
    )


def booked(amount: str, side: str = "CRDT") -> str:
    """A detail's amount as the later versions say it."""
    return f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>'


def csv_file(rows: Iterable[Iterable[str]], *, delimiter: str = ",", end: str = "\n") -> bytes:
    """A bank's CSV file as it comes, unquoted."""
    return "".join(delimiter.join(row) + end for row in rows).encode()
