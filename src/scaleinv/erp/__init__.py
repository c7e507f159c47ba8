"""Orders to the ERP's documents: the same lines give the same bytes; what does not fit is an error, never a cut."""

from scaleinv.erp.document import Document
from scaleinv.erp.formats import FORMATS
from scaleinv.erp.layout import MANIFEST_VERSION
from scaleinv.erp.order_csv import csv_document
from scaleinv.erp.orders05 import idoc_documents
from scaleinv.erp.shopify import stock_documents
from scaleinv.erp.units import ISO_UNITS
from scaleinv.erp.write import MANIFEST, write_documents

__all__ = [
    "FORMATS",
    "ISO_UNITS",
    "MANIFEST",
    "MANIFEST_VERSION",
    "Document",
    "csv_document",
    "idoc_documents",
    "stock_documents",
    "write_documents",
]
