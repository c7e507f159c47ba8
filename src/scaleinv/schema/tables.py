"""Every table of the walk, in the order in which it is written.

``silver`` is the retailer's history in our words and is written whole by ``ingest``. ``gold`` is partitioned by
``as_of``: one night's work, replaced as a whole when the night is run again.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from scaleinv.errors import LakeError, explain
from scaleinv.schema.table import Column, Table

_TEXT = pa.string()
_DATE = pa.date32()
_FLOAT = pa.float64()
_SMALL = pa.float32()
_INT = pa.int32()
_LONG = pa.int64()
_BOOL = pa.bool_()
_FLOATS = pa.list_(pa.field("element", pa.float32()))

_SKU = Column("sku_id", _TEXT, "the product, one identifier over all systems")
_LOCATION = Column("location_id", _TEXT, "the store or warehouse that holds the stock")
_VENDOR = Column("vendor_id", _TEXT, "who delivers")
_DAY = Column("date", _DATE, "the business day")
_AS_OF = Column("as_of", _DATE, "the last day known when this was computed, inclusive")
_CUTOFF = Column("cutoff", _DATE, "the last day the model was shown; equals as_of except in a backtest")
_GROUP = Column("group_id", _TEXT, "training group")
_SERIES = Column("unique_id", _TEXT, "series: <sku_id>@<location_id>")
_REVIEW_DATE = Column(
    "review_date", _DATE,
    "a day on which the vendor takes orders; every review_period days before and after it is one too; "
    "null: counted from Monday 1970-01-05",
    nullable=True,
)  # fmt: skip


def _units(name: str, meaning: str, *, nullable: bool = False, type: pa.DataType = _FLOAT) -> Column:
    return Column(name, type, meaning, nullable=nullable, unit="sales_unit")


def _money(name: str, meaning: str, *, nullable: bool = False, type: pa.DataType = _FLOAT) -> Column:
    return Column(name, type, meaning, nullable=nullable, unit="currency")


def _days(name: str, meaning: str, *, nullable: bool = False, type: pa.DataType = _FLOAT) -> Column:
    return Column(name, type, meaning, nullable=nullable, unit="day")


# --- silver: the retailer's history, cleansed ------------------------------------------------------------------

_SILVER = (
    Table(
        "silver/sales", "ingest", "Units sold per SKU, location and day; days without a sale have no row.",
        ("sku_id", "location_id", "date"),
        (_SKU, _LOCATION, _DAY, _units("quantity", "net units sold, never negative")),
        known_at="date",
    ),
    Table(
        "silver/stock", "ingest", "Stock at the end of a day, as the ERP records it.",
        ("sku_id", "location_id", "date"),
        (
            _SKU, _LOCATION, _DAY,
            _units("on_hand", "units on the shelf and in the back room"),
            _units("reserved", "units promised to somebody"),
            _units("backorders", "units owed to customers"),
        ),
        known_at="date",
    ),
    Table(
        "silver/purchase_orders", "ingest", "Order lines sent to vendors; what is open and how long deliveries took.",
        ("order_id", "line"),
        (
            Column("order_id", _TEXT, "the ERP's purchase order number"),
            Column("line", _INT, "line of the order, from 1"),
            _VENDOR, _SKU, _LOCATION,
            Column("order_date", _DATE, "when it was sent"),
            Column("promised_date", _DATE, "when the vendor promised it", nullable=True),
            Column("received_date", _DATE, "when it came; null while it is open", nullable=True),
            _units("quantity", "units ordered"),
        ),
        known_at="order_date",
    ),
    Table(
        "silver/items", "ingest", "The product master.",
        ("sku_id",),
        (
            _SKU,
            Column("description", _TEXT, "what a person calls it", nullable=True),
            Column("category", _TEXT, "top of the category tree"),
            Column("department", _TEXT, "below the category"),
            Column("unit", _TEXT, "unit of sale and of stock, UN/CEFACT Rec 20 (EA, KGM, …)"),
            Column("gtin", _TEXT, "GS1 number with a valid check digit", nullable=True),
            _VENDOR,
            _money("unit_cost", "what one unit costs to buy"),
            _money("unit_price", "regular price of one unit"),
            _units("min_order_quantity", "least that the vendor delivers of it"),
            _units("order_multiple", "the vendor delivers multiples of this"),
        ),
    ),
    Table(
        "silver/locations", "ingest", "Stores and warehouses.",
        ("location_id",),
        (
            _LOCATION,
            Column("name", _TEXT, "what a person calls it", nullable=True),
            Column("region", _TEXT, "where its calendar (holidays, benefit days) comes from"),
        ),
    ),
    Table(
        "silver/vendors", "ingest", "Who delivers, and how often they may be asked.",
        ("vendor_id",),
        (
            _VENDOR,
            Column("name", _TEXT, "what a person calls it", nullable=True),
            _days("review_period", "days between two chances to order", type=_INT),
            _REVIEW_DATE,
            Column("currency", _TEXT, "ISO 4217"),
        ),
    ),
    Table(
        "silver/lead_times", "ingest", "Quoted (or assumed) lead-time distribution; used while receipts are too few.",
        ("vendor_id", "lead_time"),
        (
            _VENDOR,
            _days("lead_time", "days from order to shelf, at least 1", type=_INT),
            Column("weight", _FLOAT, "relative frequency; need not sum to one"),
        ),
    ),
    Table(
        "silver/assortment", "ingest", "Which SKU is sold where, and the stocking rule the retailer uses today.",
        ("sku_id", "location_id"),
        (
            _SKU, _LOCATION,
            Column("listed_from", _DATE, "first day on sale; null: since its first sale", nullable=True),
            Column("listed_to", _DATE, "last day on sale; null: still listed", nullable=True),
            _units("reorder_point", "the retailer's present reorder point", nullable=True),
            _units("order_up_to_level", "the retailer's present order-up-to level", nullable=True),
        ),
    ),
    Table(
        "silver/prices", "ingest", "The price plan, past and announced.",
        ("sku_id", "location_id", "valid_from"),
        (
            _SKU, _LOCATION,
            Column("valid_from", _DATE, "first day of the price"),
            Column("valid_to", _DATE, "last day of the price, inclusive"),
            _money("price", "what a customer pays for one unit"),
            Column("is_promotion", _BOOL, "the price is a promotion"),
        ),
    ),
    Table(
        "silver/calendar", "ingest", "Events per region and day, past and announced; quiet days may have no row.",
        ("region", "date"),
        (
            Column("region", _TEXT, "a location's region"),
            _DAY,
            Column("event", _TEXT, "holiday or event of the day", nullable=True),
            Column("is_benefit_day", _BOOL, "benefits or wages are paid out (SNAP days at Walmart)"),
        ),
    ),
    Table(
        "silver/true_demand", "ingest", "What customers wanted, stock or not. Only a simulated retailer knows it.",
        ("sku_id", "location_id", "date"),
        (_SKU, _LOCATION, _DAY, _units("quantity", "units wanted")),
        known_at="date",
    ),
    Table(
        "quarantine", "ingest", "Rows that were not accepted, whole, with the rule they broke.",
        (),
        (
            Column("source", _TEXT, "the source they came from"),
            Column("rule", _TEXT, "the rule they broke"),
            Column("reason", _TEXT, "what was found, for a person"),
            Column("file", _TEXT, "the file they came from", nullable=True),
            Column("row", _TEXT, "the row as received, as JSON"),
        ),
        partitions=("source",),
    ),
    Table(
        "ingest_log", "ingest", "Per source: read = accepted + quarantined + duplicates.",
        ("source",),
        (
            Column("source", _TEXT, "the source"),
            Column("read", _LONG, "rows read"),
            Column("accepted", _LONG, "rows that went on"),
            Column("quarantined", _LONG, "rows set aside with a reason"),
            Column("duplicates", _LONG, "exact duplicates of an accepted row"),
        ),
    ),
)  # fmt: skip

# --- gold: one night ------------------------------------------------------------------------------------------

_FEATURES = (
    Table(
        "gold/panel", "features", "The dense panel: one row per series and day of its life, then its known future.",
        ("as_of", "unique_id", "ds"),
        (
            _AS_OF, _GROUP, _SERIES,
            Column("ds", _DATE, "the day; after as_of only covariates are known"),
            _units("y", "demand as sold; null after as_of", nullable=True, type=_SMALL),
            Column("is_stockout", _BOOL, "sales of this day understate demand"),
            _money("price", "price of the day", type=_SMALL),
            Column("is_promotion", _BOOL, "the price is a promotion"),
            Column("event", _TEXT, "holiday or event of the day", nullable=True),
            Column("is_benefit_day", _BOOL, "benefits or wages are paid out"),
        ),
        partitions=("as_of", "group_id"),
    ),
    Table(
        "gold/series", "features", "Static facts of every series, as known at as_of.",
        ("as_of", "unique_id"),
        (
            _AS_OF, _GROUP, _SERIES, _SKU, _LOCATION, _VENDOR,
            Column("category", _TEXT, "top of the category tree"),
            Column("department", _TEXT, "below the category"),
            Column("region", _TEXT, "of the location"),
            Column("first_ds", _DATE, "first day of its life"),
            Column("last_ds", _DATE, "last day in the panel"),
            Column("n_days", _INT, "days of its life up to as_of"),
            _units("mean_demand", "mean per day without stock-outs"),
            Column("adi", _FLOAT, "average demand interval, days; 0 if it never sold"),
            Column("cv2", _FLOAT, "squared coefficient of variation of non-zero demand"),
            Column("demand_class", _TEXT, "smooth, erratic, intermittent, lumpy or no_demand"),
            Column("velocity_class", _TEXT, "fast, medium or slow"),
            Column("abc_class", _TEXT, "A, B or C by sales value"),
            Column("unit", _TEXT, "unit of sale and of stock"),
            _money("unit_cost", "what one unit costs to buy"),
            _money("unit_price", "regular price of one unit"),
            _units("min_order_quantity", "least that the vendor delivers of it"),
            _units("order_multiple", "the vendor delivers multiples of this"),
            _days("review_period", "days between two chances to order", type=_INT),
            _REVIEW_DATE,
            _units("old_reorder_point", "the retailer's present reorder point", nullable=True),
            _units("old_order_up_to_level", "the retailer's present order-up-to level", nullable=True),
        ),
        partitions=("as_of", "group_id"),
    ),
    Table(
        "gold/stock_position", "features", "Stock and open orders of every series at the end of as_of.",
        ("as_of", "unique_id"),
        (
            _AS_OF, _GROUP, _SERIES,
            _units("on_hand", "units on the shelf and in the back room"),
            _units("on_order", "units ordered and not yet received"),
            _units("reserved", "units promised to somebody"),
            _units("backorders", "units owed to customers"),
            Column("stock_date", _DATE, "day of the stock record; null: none was found", nullable=True),
        ),
        partitions=("as_of", "group_id"),
    ),
    Table(
        "gold/lead_times", "features", "Lead-time distribution of every vendor: received orders, else quoted.",
        ("as_of", "vendor_id"),
        (
            _AS_OF, _VENDOR,
            Column("probability", _FLOATS, "(max_lead_time + 1,): probability of a lead time of 0, 1, 2 … days"),
            Column("n_receipts", _LONG, "deliveries behind it; 0: quoted"),
        ),
        partitions=("as_of",),
    ),
)  # fmt: skip

_FORECAST = (
    Table(
        "gold/training_ledger", "train", "What became of every group and model.",
        ("as_of", "model", "group_id"),
        (
            _AS_OF,
            Column("model", _TEXT, "the model asked for"),
            _GROUP,
            Column("status", _TEXT, "done, fell_back or failed"),
            Column("fitted_model", _TEXT, "the model that stands there now", nullable=True),
            Column("error", _TEXT, "error class and message of the last attempt", nullable=True),
            Column("artefact", _TEXT, "path of the artefact under the lake's root", nullable=True),
            Column("fingerprint", _TEXT, "of data, options and code; equal: need not be trained again"),
            Column("n_series", _LONG, "series of the group"),
            Column("n_windows", _LONG, "training windows seen"),
            Column("epochs", _INT, "epochs run before early stopping"),
            Column("validation_loss", _FLOAT, "best validation loss", nullable=True),
            Column("seconds", _FLOAT, "wall clock", unit="second", measured=True),
            Column("attempts", _INT, "tries it took", measured=True),
            Column("worker", _TEXT, "host and process", measured=True),
        ),
        partitions=("as_of",),
    ),
    Table(
        "gold/forecasts", "forecast", "Distributions of demand: one row per series, model and cutoff.",
        ("as_of", "cutoff", "model", "unique_id"),
        (
            _AS_OF, _CUTOFF,
            Column("model", _TEXT, "the model asked for"),
            _GROUP, _SERIES,
            Column("fitted_model", _TEXT, "the model that made it: the baseline where the one asked for fell back"),
            Column("mean", _FLOATS, "(horizon,): expected demand of step 1 … horizon", unit="sales_unit"),
            Column("quantiles", _FLOATS, "(horizon * n_quantiles,), step major: demand of a day", unit="sales_unit"),
            Column(
                "cumulative_quantiles", _FLOATS,
                "(horizon * n_quantiles,), step major: demand of steps 1 … h together", unit="sales_unit",
            ),
        ),
        partitions=("as_of", "cutoff", "model", "group_id"),
    ),
    Table(
        "gold/accuracy", "evaluate", "How good each model was on days it had not seen.",
        ("as_of", "cutoff", "model", "slice", "value", "metric"),
        (
            _AS_OF, _CUTOFF,
            Column("model", _TEXT, "the model"),
            Column("slice", _TEXT, "overall, demand_class, category, abc_class or group_id"),
            Column("value", _TEXT, "which one of the slice"),
            Column("metric", _TEXT, "mae, rmse, mape, wape, bias, mase, rmsse, wql, scaled_pinball, coverage_<level>"),
            Column("score", _FLOAT, "null where it is not defined", nullable=True),
            Column("n_series", _LONG, "series scored"),
        ),
        partitions=("as_of",),
    ),
    Table(
        "gold/champions", "evaluate", "The model whose forecasts are used, per demand class.",
        ("as_of", "demand_class"),
        (
            _AS_OF,
            Column("demand_class", _TEXT, "smooth, erratic, intermittent, lumpy or no_demand"),
            Column("model", _TEXT, "the model chosen"),
            Column("wql", _FLOAT, "its weighted quantile loss", nullable=True),
            Column("runner_up", _TEXT, "the next best", nullable=True),
            Column("runner_up_wql", _FLOAT, "its weighted quantile loss", nullable=True),
        ),
        partitions=("as_of",),
    ),
)  # fmt: skip

_ORDERS = (
    Table(
        "gold/policies", "optimize", "When to order and how much, with the parts the numbers are made of.",
        ("as_of", "unique_id"),
        (
            _AS_OF, _GROUP, _SERIES, _SKU, _LOCATION, _VENDOR,
            Column("model", _TEXT, "whose forecast it rests on"),
            Column("method", _TEXT, "quantile, root or seed"),
            Column("target_kind", _TEXT, "cycle_service_level or fill_rate"),
            Column("target", _FLOAT, "the promise, 0 … 1"),
            _days("lead_time", "mean"),
            _days("protection_interval", "mean lead time + review period"),
            _units("expected_demand", "mean over the protection interval"),
            _units("demand_safety_stock", "part of the safety stock that covers uncertain demand"),
            _units("lead_time_safety_stock", "part that covers uncertain lead time"),
            _units("rounding", "what rounding to whole units added to the reorder point"),
            _units("safety_stock", "demand part + lead-time part + rounding; may be negative"),
            _units("reorder_point", "expected demand + safety stock"),
            _units("order_quantity", "what one order brings at least: economic, at least MOQ, a multiple"),
            _units("order_up_to_level", "reorder point + order quantity"),
        ),
        partitions=("as_of", "group_id"),
    ),
    Table(
        "gold/replay", "optimize", "Policies replayed on the held-out days, with warm-up: service against stock.",
        ("as_of", "policy", "slice", "value"),
        (
            _AS_OF,
            Column("policy", _TEXT, "quantile, root, seed or old (what the retailer does today)"),
            Column("slice", _TEXT, "overall, target or demand_class"),
            Column("value", _TEXT, "which one of the slice"),
            Column("n_series", _LONG, "series replayed"),
            Column("n_days", _INT, "days scored"),
            _units("demand", "units wanted on these days"),
            _units("lost_sales", "units wanted and not there"),
            Column("fill_rate", _FLOAT, "1 - lost / wanted", nullable=True),
            Column("stockout_share", _FLOAT, "share of series-days on which demand was not met in full", nullable=True),
            _units("mean_on_hand", "mean stock at the end of a day, all series together"),
            _money("mean_stock_value", "the same at unit cost"),
            _money("holding_cost", "capital tied up on these days"),
            _money("stockout_cost", "margin lost on these days"),
            _money("ordering_cost", "orders placed on these days"),
        ),
        partitions=("as_of",),
    ),
    Table(
        "gold/order_proposals", "replenish", "Lines of the purchase orders to send.",
        ("as_of", "order_id", "line"),
        (
            _AS_OF,
            Column("order_id", _TEXT, "stable key of the order: the same night proposes the same keys (12 characters)"),
            Column("line", _INT, "line of the order, from 1"),
            _VENDOR, _LOCATION, _SKU, _SERIES,
            _units("quantity", "units to order"),
            Column("unit", _TEXT, "order unit, UN/CEFACT Rec 20"),
            _money("unit_cost", "what one unit costs"),
            _money("value", "quantity * unit cost"),
            Column("currency", _TEXT, "ISO 4217"),
            Column("gtin", _TEXT, "GS1 number", nullable=True),
            Column("order_date", _DATE, "as_of: orders leave in its evening"),
            Column("delivery_date", _DATE, "order date + mean lead time, rounded up"),
            _units("inventory_position", "on hand + on order - backorders - reserved"),
            _units("reorder_point", "the level it fell below"),
            _units("order_up_to_level", "the level it is brought back to"),
            Column("reason", _TEXT, "why this quantity, in words"),
        ),
        partitions=("as_of",),
    ),
    Table(
        "gold/exceptions", "replenish", "What a person should look at.",
        ("as_of", "unique_id", "kind"),
        (
            _AS_OF, _SERIES,
            Column(
                "kind", _TEXT,
                "no_stock_record, stale_stock, no_demand, negative_stock, rounded_far_above_need, long_lead_time",
            ),
            Column("detail", _TEXT, "what was found and what was done"),
            _money("value_at_risk", "money it is about"),
        ),
        partitions=("as_of",),
    ),
    Table(
        "gold/export_log", "export", "Files given to the ERP.",
        ("as_of", "format", "file"),
        (
            _AS_OF,
            Column("format", _TEXT, "csv or idoc"),
            Column("file", _TEXT, "name of the file"),
            Column("orders", _LONG, "purchase orders in it"),
            Column("lines", _LONG, "order lines in it"),
            _units("quantity", "sum of quantities"),
            Column("sha256", _TEXT, "of the bytes"),
            Column("schema_version", _TEXT, "of the file's layout"),
        ),
        partitions=("as_of",),
    ),
)  # fmt: skip

TABLES: Final[dict[str, Table]] = {t.name: t for t in (*_SILVER, *_FEATURES, *_FORECAST, *_ORDERS)}
"""Every table by name, in the order of the walk."""


def table(name: str) -> Table:
    """The table of that name.

    Raises:
        LakeError: there is none.
    """
    try:
        return TABLES[name]
    except KeyError:
        raise LakeError(
            explain(f"there is no table {name!r}", expected=", ".join(TABLES), do="correct the name")
        ) from None
