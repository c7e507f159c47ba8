"""Documents for the ERP: in which formats, for whom, and what each format asks for."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from scaleinv.config.section import Section

ExportFormat = Literal[
    "csv", "idoc", "preqcr", "sap-order", "sap-requisition", "x12-850", "edifact-orders", "oracle-fbdi",
    "dynamics-365", "netsuite", "odoo", "erpnext", "quickbooks", "shopify",
]  # fmt: skip

Text = Annotated[str, Field(min_length=1)]


class X12Config(Section):
    """Who sends X12 850, and to whom."""

    sender: Annotated[str, Field(min_length=2, max_length=15)]
    """ISA06 and GS02."""
    sender_qualifier: Annotated[str, Field(min_length=2, max_length=2)] = "ZZ"
    receiver: Annotated[str, Field(min_length=2, max_length=15)] | None = None
    """ISA08 and GS03 of all (a network that passes them on); none: each vendor's code, an interchange a vendor."""
    receiver_qualifier: Annotated[str, Field(min_length=2, max_length=2)] = "ZZ"
    usage: Literal["P", "T"] = "P"
    """ISA15: P production, T test."""


class EdifactConfig(Section):
    """Who sends EDIFACT ORDERS, and to whom."""

    sender: Annotated[str, Field(min_length=1, max_length=35)]
    """UNB sender; a GLN is marked as one."""
    buyer: Annotated[str, Field(min_length=1, max_length=17)] | None = None
    """NAD+BY; none: the sender."""
    receiver: Annotated[str, Field(min_length=1, max_length=35)] | None = None
    """UNB receiver of all (a network that passes them on); none: each vendor's code, an interchange a vendor."""
    test: bool = False
    """UNB test indicator."""


class OracleConfig(Section):
    """What Oracle Fusion wants to know about an order beside its lines."""

    procurement_bu: Text
    requisitioning_bu: Text
    sold_to: Text
    """Legal entity."""
    bill_to_bu: Text
    buyer: Text
    """Name of the agent."""
    vendor_site: Text = "MAIN"
    """Site of a vendor for which ``export.codes`` has no ``vendor_site``."""
    approval: Literal["SUBMIT", "BYPASS", "NONE"] = "SUBMIT"
    style: Text = "Purchase Order"
    line_type: Text = "Goods"
    source: Text = "SCALEINV"
    charge_account: Annotated[tuple[Text, ...], Field(max_length=10)] = ()
    """Segments of the account; none: Oracle derives it."""
    columns: dict[Literal["headers", "lines", "locations", "distributions"], tuple[str, ...]] = {}
    """Columns of a file in the order of your release's template; a name that scaleinv does not fill stays empty."""


class DynamicsConfig(Section):
    """Where Dynamics 365 takes orders."""

    company: Annotated[str, Field(min_length=1, max_length=4)]
    """dataAreaId."""
    site: Annotated[str, Field(min_length=1, max_length=10)] = "1"
    """Site of a location for which ``export.codes`` has no ``site``."""


class NetSuiteConfig(Section):
    """Whose order it is in NetSuite."""

    subsidiary: Annotated[str, Field(pattern=r"^[0-9]+$")]
    """Internal id."""


class ErpNextConfig(Section):
    """Whose order it is in ERPNext, and in which money."""

    company: Text
    currency: Annotated[str, Field(min_length=3, max_length=3)]
    """The company's own."""
    conversion_rates: dict[str, Annotated[Decimal, Field(gt=0)]] = {}
    """Other currency -> units of the company's for one of it; an order in another currency is an error."""


class QuickBooksConfig(Section):
    """Whose order it is in QuickBooks Online."""

    realm: Annotated[str, Field(pattern=r"^[0-9]+$")]
    """Id of the company."""
    payable_account: Annotated[str, Field(pattern=r"^[0-9]+$")]
    """APAccountRef."""


class ShopifyConfig(Section):
    """How Shopify is asked."""

    version: Annotated[str, Field(pattern=r"^20(2[6-9]|[3-9][0-9])-[0-9]{2}$")] = "2026-04"
    """Of the Admin API, from 2026-01 on: earlier ones do not know the requests. It stands in the path."""


_SECTIONS = {
    "x12-850": "x12", "edifact-orders": "edifact", "oracle-fbdi": "oracle", "dynamics-365": "dynamics",
    "netsuite": "netsuite", "erpnext": "erpnext", "quickbooks": "quickbooks",
}  # fmt: skip
"""Format -> the section that it cannot be written without."""


class ExportConfig(Section):
    """Files for the ERP."""

    folder: str
    """Where documents and the manifest go, on this machine or mounted on it; a sub-folder per as_of."""
    formats: tuple[ExportFormat, ...] = ("csv", "idoc")
    units: Literal["order", "stock"] = "order"
    """In which units orders are given out: those of silver/packs, where a vendor has them, or those of stock. Settled
    for an order when it enters the order book."""
    codes: str | None = None
    """CSV file with columns kind, format, ours, theirs: our keys as partners and ERPs know them."""
    company_code: Annotated[str, Field(max_length=4)] = "1000"
    purchasing_organization: Annotated[str, Field(max_length=4)] = "1000"
    purchasing_group: Annotated[str, Field(max_length=3)] = "001"
    requisitioner: Annotated[str, Field(max_length=12)] = "SCALEINV"
    """Who asks, in SAP's purchase requisitions over OData."""
    sender: Annotated[str, Field(max_length=10)] = "SCALEINV"
    receiver_port: Annotated[str, Field(max_length=10)] = "SAPPRD"
    receiver: Annotated[str, Field(max_length=10)] = "PRDCLNT100"
    iso_units: dict[str, Annotated[str, Field(min_length=1, max_length=3)]] = {}
    """UN/CEFACT Rec 20 code -> ISO unit code that the ERP knows, before the built-in table (EA -> PCE …)."""
    x12: X12Config | None = None
    edifact: EdifactConfig | None = None
    oracle: OracleConfig | None = None
    dynamics: DynamicsConfig | None = None
    netsuite: NetSuiteConfig | None = None
    erpnext: ErpNextConfig | None = None
    quickbooks: QuickBooksConfig | None = None
    shopify: ShopifyConfig = ShopifyConfig()

    @model_validator(mode="after")
    def _on_this_machine(self) -> Self:
        if "://" in self.folder:
            raise ValueError(f"export.folder must be a local or mounted folder, not an address, found {self.folder}")
        return self

    @model_validator(mode="after")
    def _sections_are_given(self) -> Self:
        for name in self.formats:
            section = _SECTIONS.get(name)
            if section is not None and getattr(self, section) is None:
                raise ValueError(f"export.formats has {name}: export.{section} must say for whom")
        if len(set(self.formats)) != len(self.formats):
            raise ValueError(f"export.formats names a format twice: {', '.join(self.formats)}")
        return self
