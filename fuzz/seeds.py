"""Writes a first corpus for the fuzz targets: small files of every format, in the shapes that the readers tell apart.

    pip install pyarrow openpyxl
    python3 fuzz/seeds.py fuzz/corpus
"""

import bz2
import datetime as dt
import gzip
import io
import lzma
import os
import sys
import zipfile
from decimal import Decimal

import openpyxl
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

BASE = sys.argv[1]


def put(target, name, data):
    os.makedirs(f"{BASE}/{target}", exist_ok=True)
    with open(f"{BASE}/{target}/{name}", "wb") as file:
        file.write(data)


PLAIN = "customer_id,occurred_at,amount\nana,2023-05-01,12.50\nbo,2023-05-02 10:00:00,50\n"
TEXTS = {
    "plain": PLAIN,
    "semicolons": "Kundennummer;Bestelldatum;Gesamtbetrag (EUR);Status\n1;01.05.2023 10:22;1.234,50;bezahlt\n2;13.05.2023;5,00;storniert\n",
    "shop": "Name,Email,Financial Status,Created at,Total,Refunded Amount,Lineitem quantity,Lineitem name,Lineitem price\n#1,a@x.com,paid,2023-05-01 10:00:00 -0400,10,0,1,x,10\n#1,a@x.com,,2023-05-01 10:00:00 -0400,,,2,y,3\n",
    "bill": "导出信息：\n共3笔\n----\n交易时间 ,交易对方 ,金额 ,交易订单号 ,\n2023年5月1日 下午 8:03,小王,￥1,288.00,1\t,\n合计,,,,\n",
    "headings": "Customer,Date,Amount\nAna,,\n,1/13/2023,12.50\nTotal for Ana,,12.50\n",
    "signs": "Customer,Date,Amount\na,1/5/2021 8:03 PM,($5.00)\nb,13/1/2021,1'000.00-\n",
    "mark": 'sep=;\ncustomer;date;price;qty\n"a ""x""";Jan 5, 2021;="12.5";2\n',
    "blanks": " 00001 19970101  1   11.77\n 00001 19970112  12   12.00\n 00002 19970112  12   12.00\n",
    "numbers": "customer_id,occurred_at,amount\n1,1682936553000,5\n2,44197.5,6\n",
    "kinds": "Type,Date,Client,Amount,Num\nInvoice,2023-05-01,A,5,1\nPayment,2023-05-02,A,5,1\nCredit Memo,2023-05-03,A,-2,2\n",
}
for name, text in TEXTS.items():
    put("csv", name, text.encode())
put("csv", "gbk", TEXTS["bill"].encode("gbk"))
put("csv", "utf16", ("\ufeff" + PLAIN).encode("utf-16-le"))
put("csv", "latin", "Client;Date;Montant\nAndr\xe9;01/05/2023;12,50\nCaf\xe9;13/05/2023;3\n".encode("latin-1"))
put("csv", "mac", PLAIN.replace("\n", "\r").encode())
put("csv", "open_quote", b'customer_id,occurred_at,amount\n"a,2023-05-01,5\nb,2023-05-02,6\n')

NDJSON = (
    '{"customer_id":"ana","occurred_at":"2023-05-01","amount":12.5}\n'
    '{"customer":{"id":7},"created_at":1682936553000,"total":"5,00 €","line_items":[{"a":null}]}\n'
)
put("json", "lines", NDJSON.encode())
put("json", "array", b'[{"customer_id":"ana","occurred_at":"2023-05-01","amount":12.5},\n{"customer_id":"b\\u00e9\\ud83d\\ude00","occurred_at":"2023-05-02T10:00:00Z","amount":-1e3}]')
put("json", "wrapped", b'{"data":{"orders":[{"id":1,"customer":{"id":5,"email":"A@x.com"},"date_created":"2023-05-01T00:00:00","total":"12.50","status":"completed"}],"n":[[[1]]]}}')
put("json", "utf16", "\ufeff".encode("utf-16-le") + NDJSON.encode("utf-16-le"))

HEADER = ["customer_id", "occurred_at", "amount"]


def workbook(rows, merged=None, formula=False):
    """A workbook whose parts are stored, so that the fuzzer can change what is in them."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Orders"
    for row in rows:
        sheet.append(row)
    if merged:
        sheet.merge_cells(merged)
    if formula:
        sheet["C2"] = "=1+2"
    book.create_sheet("Other").append(["x"])
    packed = io.BytesIO()
    book.save(packed)
    stored = io.BytesIO()
    with zipfile.ZipFile(packed) as parts, zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as out:
        for name in parts.namelist():
            if "theme" not in name and "docProps" not in name:
                out.writestr(name, parts.read(name))
    return stored.getvalue()


put("workbook", "plain", workbook([HEADER, ["ana", dt.datetime(2023, 5, 1, 10, 22), 12.5], ["bo", dt.date(2023, 5, 2), 50]]))
put("workbook", "merged", workbook([["Report"], HEADER, ["ana", dt.datetime(2023, 5, 1), 12.5], ["", dt.date(2023, 5, 2), 50]], merged="A3:A4"))
put("workbook", "formula", workbook([HEADER, ["ana", "2023-05-01", 3]], formula=True))
CONTENT = '''<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet><table:table table:name="S"><table:table-row><table:table-cell office:value-type="string"><text:p>customer_id</text:p></table:table-cell><table:table-cell office:value-type="string"><text:p>occurred_at</text:p></table:table-cell><table:table-cell office:value-type="string"><text:p>amount</text:p></table:table-cell></table:table-row><table:table-row><table:table-cell office:value-type="string"><text:p>ana</text:p></table:table-cell><table:table-cell office:value-type="date" office:date-value="2023-05-01"/><table:table-cell office:value-type="float" office:value="5" table:number-columns-repeated="2"/></table:table-row></table:table></office:spreadsheet></office:body></office:document-content>'''
opendocument = io.BytesIO()
with zipfile.ZipFile(opendocument, "w") as out:
    out.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    out.writestr("META-INF/manifest.xml", '<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>')
    out.writestr("content.xml", CONTENT)
put("workbook", "opendocument", opendocument.getvalue())

TABLES = {
    "texts": pa.table({
        "customer_id": pa.array(["ana", "bo", None]),
        "occurred_at": pa.array([dt.datetime(2023, 5, 1), dt.datetime(2023, 5, 2), None], pa.timestamp("us")),
        "amount": pa.array([12.5, float("nan"), 3.0]),
    }),
    "decimals": pa.table({
        "customer_id": pa.array([1, 2, 3], pa.int64()),
        "occurred_at": pa.array([dt.date(2023, 5, 1)] * 3),
        "amount": pa.array([Decimal("12.50"), Decimal("3"), Decimal("-5.25")], pa.decimal128(18, 2)),
        "kind": pa.array(["purchase", "visit", "return"]).dictionary_encode(),
    }),
}
for name, table in TABLES.items():
    for packing in ("none", "snappy", "zstd", "gzip"):
        out = io.BytesIO()
        pq.write_table(table, out, compression=packing, row_group_size=2)
        put("parquet", f"{name}_{packing}", out.getvalue())
    for packing in (None, "zstd", "lz4"):
        out = io.BytesIO()
        with ipc.new_file(out, table.schema, options=ipc.IpcWriteOptions(compression=packing)) as file:
            file.write_table(table)
        put("arrow", f"{name}_{packing}", out.getvalue())
    out = io.BytesIO()
    with ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table)
    put("arrow", f"{name}_stream", out.getvalue())
out = io.BytesIO()
encodings = {"customer_id": "DELTA_BYTE_ARRAY", "amount": "BYTE_STREAM_SPLIT", "occurred_at": "DELTA_BINARY_PACKED"}
pq.write_table(TABLES["texts"], out, data_page_version="2.0", use_dictionary=False, column_encoding=encodings, compression="none")
put("parquet", "second_version", out.getvalue())

text = PLAIN.encode()
put("packed", "gz", gzip.compress(text))
put("packed", "gz_twice", gzip.compress(text) + gzip.compress(b"cy,2023-05-03,1\n"))
put("packed", "bz2", bz2.compress(text))
put("packed", "xz", lzma.compress(text))
put("packed", "zst", pa.compress(text, codec="zstd", asbytes=True))
put("packed", "br", pa.compress(text, codec="brotli", asbytes=True))
for name, packing in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        archive.writestr("a.csv", PLAIN)
        archive.writestr("readme.txt", "hello there")
        archive.writestr("__MACOSX/._a.csv", "x")
    put("packed", f"zip_{name}", out.getvalue())
out = io.BytesIO()
with zipfile.ZipFile(out, "w") as archive:
    archive.writestr("b.json", NDJSON)
    archive.writestr("in.csv.gz", gzip.compress(text))
put("packed", "zip_mixed", out.getvalue())
put("packed", "plain", text)
put("packed", "lines", NDJSON.encode())
