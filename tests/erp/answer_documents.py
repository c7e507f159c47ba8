"""A small writer of partners' documents, and documents by hand from the standards' examples."""

from __future__ import annotations

from collections.abc import Sequence

ISA = "ISA*00*          *00*          *ZZ*VENDORID       *ZZ*BUYERID        *260921*0815*U*00401*{number:09d}*0*P*>~"


def x12(*sets: str, kind: str = "PR", number: int = 1, counts: bool = True) -> bytes:
    """An interchange with one group; a set is its segments between ST and SE, ``855|BAK*…~PO1*…~``."""
    body = ""
    for place, one in enumerate(sets, start=1):
        code, _, inner = one.partition("|")
        inner = inner.strip().replace("\n", "")
        count = inner.count("~") + 2
        body += f"ST*{code}*{place:04d}~{inner}SE*{count if counts else count + 1}*{place:04d}~"
    head = ISA.format(number=number) + f"GS*{kind}*VENDORID*BUYERID*20260921*0815*{number}*X*004010~"
    return f"{head}{body}GE*{len(sets)}*{number}~IEA*1*{number:09d}~\n".encode()


def edifact(*messages: str, number: str = "REF0007", counts: bool = True) -> bytes:
    """An interchange; a message is its segments between UNH and UNT, ``ORDRSP:D:96A:UN:EAN005|BGM+…'``."""
    body = ""
    for place, one in enumerate(messages, start=1):
        code, _, inner = one.partition("|")
        inner = inner.strip().replace("\n", "")
        count = inner.replace("?'", "").count("'") + 2
        body += f"UNH+{place}+{code}'{inner}UNT+{count if counts else count + 1}+{place}'"
    head = f"UNA:+.? 'UNB+UNOC:3+4012345500004:14+5412345000013:14+260921:0815+{number}'"
    return f"{head}{body}UNZ+{len(messages)}+{number}'\n".encode("latin-1")


X12_855 = x12("""855|BAK*00*AC*PO-000123*20260921****SO-77~DTM*067*20260928~
PO1*1*48*EA*3.25*PE*UP*036000241457*IN*SKU42~ACK*IA*48*EA*068*20260927~
PO1*2*12*CA*2.779**IN*SKU43~ACK*IQ*8*CA*067*20260929~ACK*IB*4*CA~
PO1*3*5*EA*1*HP*IN*SKU44~ACK*IR~
PO1*4*7*KG**PE*IN*SKU45~
CTT*4~""")

X12_856 = x12(
    """856|BSN*00*SHIP-9*20260925*1010*0001~HL*1**S~TD1*CTN*2~TD5**2*UPSN~REF*BM*BOL1~DTM*017*20260928~
HL*2*1*O~PRF*PO-000123~HL*3*2*T~MAN*GM*006141411234567890~HL*4*3*P~MAN*GM*106141411234567897~
HL*5*4*I~LIN**UP*036000241457*IN*SKU42*LT*LOT42A~SN1**40*EA~DTM*036*20270131~
HL*6*4*I~LIN*2~SN1**8.5*KG~
HL*7*1*O~PRF*PO-000124~HL*8*7*I~LIN**IN*SKU50~SN1**3*EA~REF*LT*L9~CTT*8~""",
    kind="SH",
)

X12_997 = x12(
    """997|AK1*PO*260920001~AK2*850*0001~AK5*A~AK2*850*0002~AK3*PO1*8**8~AK4*2*330*6*4.5X~AK5*R*5~
AK9*P*2*2*1~""",
    kind="FA",
)

ORDRSP = edifact("""ORDRSP:D:96A:UN:EAN005|BGM+231+RSP1+4'DTM+137:20260921:102'DTM+67:20260928:102'RFF+ON:PO-000123'
NAD+SU+4012345500004::9'LIN+1+5+4000862141404:EN'QTY+21:48:PCE'PRI+AAA:3.25'
LIN+2+3+4000862141411:EN'PIA+1+SKU43:IN'QTY+21:12:PCE'QTY+113:8,5:KGM'QTY+83:3.5:KGM'DTM+67:20260930:102'
PRI+AAA:277.90:::100'LIN+3+7'PIA+5+SKU44:IN'UNS+S'CNT+2:3'""")

DESADV = edifact("""DESADV:D:96A:UN:EAN005|BGM+351+DES-1+9'
DTM+11:20260926:102'DTM+132:202609281200:203'RFF+ON:PO-000123'
CPS+1'PAC+1++201'CPS+2+1'PAC+1++CT'PCI+33E'GIN+BJ+006141411234567890'
LIN+1++4000862141404:EN'PIA+1+SKU42:IN'QTY+12:48:PCE'PCI+36E'DTM+361:20270131:102'QTY+12:40:PCE'GIN+BX+L?+1'
PCI+36E'DTM+361:20270228:102'QTY+12:8:PCE'GIN+BX+L2'
CPS+3+1'LIN+2++4000862141411:EN'QTY+12:2.5:KGM'RFF+ON:PO-000124:7'CNT+2:2'""")

CONTRL = edifact(
    "CONTRL:D:3:UN|UCI+20260920000001+5412345000013:14+4012345500004:14+7'UCM+2+ORDERS:D:96A:UN:EAN008+4+12'"
)


def idoc_status(records: Sequence[tuple[str, str, str]], *, root: str = "ALEAUD01") -> bytes:
    """``(docnum, status, text)`` each."""
    states = "".join(
        f'<E1STATE SEGMENT="1"><DOCNUM>{number}</DOCNUM><STATUS>{status}</STATUS><STACOD>SAPME083</STACOD>'
        f"<STATXT>{text}</STATXT><STAPA1>TG11</STAPA1><LOGDAT>20260921</LOGDAT><LOGTIM>081500</LOGTIM>"
        + ("<E1PRTOB><OBJTYPE>BUS2012</OBJTYPE><OBJKEY>4500000123</OBJKEY></E1PRTOB>" if status == "53" else "")
        + "</E1STATE>"
        for number, status, text in records
    )
    control = "<EDI_DC40 SEGMENT='1'><DOCNUM>77</DOCNUM><SNDPRN>PRDCLNT100</SNDPRN></EDI_DC40>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}><IDOC BEGIN="1">{control}<E1ADHDR SEGMENT="1">'
        f"<MESTYP>ORDERS</MESTYP>{states}</E1ADHDR></IDOC></{root}>"
    ).encode()


IDOC = idoc_status([("2026092000000001", "53", ""), ("2026092000000002", "51", "Material &amp;1 is locked")])

JSON = b"""{"responses": [
{"key": "PO-000123", "status": 201, "body": {"d": {"PurchaseOrder": "4500000123",
 "CorrespncInternalReference": "PO-000123"}}},
{"key": "PO-000124", "status": 400, "body": {"error": {"code": "ME/083",
 "message": {"lang": "en", "value": "Enter Plant"},
 "innererror": {"transactionid": "1", "errordetails": [{"code": "ME/083", "message": "Plant 1799 does not exist"}]}}}}
]}"""

CSV = (
    b"sender,message,kind,order_id,at,erp_number,line,sku_id,quantity,unit,date,lot,expiry,reason\r\n"
    b"wms,GR-1,received,PO-000123,2026-09-28T07:30:00+02:00,,1,,40.000,EA,2026-09-28,LOT42A,2027-01-31,\r\n"
    b"wms,GR-1,received,PO-000123,2026-09-28T07:30:00+02:00,,,SKU43,8.5,KGM,2026-09-28,,,\r\n"
    b'erp,A-1,taken,PO-000124,2026-09-21T06:00:00Z,4500000124,,,,,,,,"ok, noted"\r\n'
    b"end,3\r\n"
)

ORDERS = {
    "x12:VENDORID:260920001": ["PO-000123", "PO-000124"],
    "x12:VENDORID:260920001/1": ["PO-000123"],
    "x12:VENDORID:260920001/2": ["PO-000124"],
    "edifact:4012345500004:20260920000001": ["PO-000123", "PO-000124"],
    "edifact:4012345500004:20260920000001/1": ["PO-000123"],
    "edifact:4012345500004:20260920000001/2": ["PO-000124"],
    "idoc:2026092000000001": ["PO-000123"],
    "idoc:2026092000000002": ["PO-000124"],
}

EXAMPLES = {
    "855": X12_855, "856": X12_856, "997": X12_997, "ordrsp": ORDRSP, "desadv": DESADV, "contrl": CONTRL,
    "idoc": IDOC, "json": JSON, "csv": CSV,
}  # fmt: skip
