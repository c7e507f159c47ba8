"""How quickly answers are read: 100,000 order lines in each format.

    python benchmarks/answers.py --lines 100000

The last line printed is a JSON object: format -> seconds of wall clock and of the processor, megabytes of the document.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

from scaleinv.erp.answers import read_answers
from scaleinv.schema.life import Answer

_PER_ORDER = 20


def x12(kind: str, body: str) -> bytes:
    """An interchange around sets."""
    head = "ISA*00*          *00*          *ZZ*VENDORID       *ZZ*BUYERID        *260921*0815*U*00401*000000001*0*P*>~"
    sets = body.count(f"ST*{kind}")
    return f"{head}GS*PR*VENDORID*BUYERID*20260921*0815*1*X*004010~{body}GE*{sets}*1~IEA*1*000000001~".encode()


def document_855(orders: int) -> bytes:
    """Vendors accept every line."""
    one = "".join(
        f"PO1*{n}*48*EA*3.25*PE*IN*SKU{n}*UP*036000241457~ACK*IA*48*EA*067*20260927~" for n in range(1, _PER_ORDER + 1)
    )
    count = 4 + 2 * _PER_ORDER
    return x12(
        "855",
        "".join(
            f"ST*855*{k:06d}~BAK*00*AD*PO-{k}*20260921~{one}CTT*{_PER_ORDER}~SE*{count}*{k:06d}~" for k in range(orders)
        ),
    )


def document_856(orders: int) -> bytes:
    """A shipment for each order, an item for each line."""
    items = "".join(
        f"HL*{n + 2}*2*I~LIN**IN*SKU{n}*LT*L{n}~SN1**48*EA~DTM*036*20270131~" for n in range(1, _PER_ORDER + 1)
    )
    levels, count = _PER_ORDER + 2, 7 + 4 * _PER_ORDER
    return x12(
        "856",
        "".join(
            f"ST*856*{k:06d}~BSN*00*S{k}*20260925*1010*0001~HL*1**S~HL*2*1*O~PRF*PO-{k}~{items}CTT*{levels}~"
            f"SE*{count}*{k:06d}~"
            for k in range(orders)
        ),
    )


def edifact(kind: str, head: str, item: str, orders: int) -> bytes:
    """A message for each order."""
    lines = "".join(item.format(n=n) for n in range(1, _PER_ORDER + 1))
    inner = head + lines + f"CNT+2:{_PER_ORDER}'"
    count = inner.count("'") + 2
    body = "".join(f"UNH+{k}+{kind}:D:96A:UN'{inner.replace('@', str(k))}UNT+{count}+{k}'" for k in range(orders))
    return f"UNB+UNOC:3+V:14+B:14+260921:0815+R1'{body}UNZ+{orders}+R1'".encode()


def csv(lines: int) -> bytes:
    """Goods receipts."""
    rows = "".join(
        f"wms,G{k // _PER_ORDER},received,PO-{k // _PER_ORDER},{k % _PER_ORDER + 1},48.000,EA,2026-09-28\n"
        for k in range(lines)
    )
    return f"sender,message,kind,order_id,line,quantity,unit,date\n{rows}end,{lines}\n".encode()


def web(orders: int) -> bytes:
    """A web interface took every order."""
    body = {"d": {"PurchaseOrder": "4500000123"}}
    return json.dumps({"responses": [{"key": f"PO-{k}", "status": 201, "body": body} for k in range(orders)]}).encode()


def main() -> None:
    """Reads each document once."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=100_000)
    lines = parser.parse_args().lines
    orders = lines // _PER_ORDER
    documents = {
        "855": document_855(orders),
        "856": document_856(orders),
        "ORDRSP": edifact(
            "ORDRSP", "BGM+231+R@+4'RFF+ON:PO-@'", "LIN+{n}+5'PIA+5+SKU{n}:IN'QTY+21:48:PCE'PRI+AAA:3.25'", orders
        ),
        "DESADV": edifact(
            "DESADV", "BGM+351+D@+9'RFF+ON:PO-@'CPS+1'", "LIN+{n}'PIA+5+SKU{n}:IN'QTY+12:48:PCE'", orders
        ),
        "CSV": csv(lines),
        "JSON": web(lines),
    }
    result: dict[str, object] = {"lines": lines}
    for name, data in documents.items():
        begin, processor = time.perf_counter(), time.process_time()
        count = 0
        for one in read_answers(data, name=name):
            assert isinstance(one, Answer), one
            count += len(one.lines) or 1
        assert count == lines, (name, count)
        result[name] = {
            "seconds": round(time.perf_counter() - begin, 2),
            "cpu_seconds": round(time.process_time() - processor, 2),
            "megabytes": round(len(data) / 1e6, 1),
        }
    result["max_rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()
