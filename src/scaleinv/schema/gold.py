"""One night's history, models and forecasts, partitioned by ``as_of``: a night that is run again replaces its own."""

from __future__ import annotations

from scaleinv.schema.columns import (
    AS_OF,
    BOOL,
    CUTOFF,
    DATE,
    DATES,
    DOUBLES,
    FLOAT,
    FLOATS,
    GROUP,
    INT,
    LOCATION,
    LONG,
    REVIEW_DATE,
    SERIES,
    SKU,
    SMALL,
    TEXT,
    TEXTS,
    VENDOR,
    days,
    money,
    units,
)
from scaleinv.schema.features import DAY_FEATURES, NIGHT_FEATURES
from scaleinv.schema.table import Column, Table

FEATURES = (
    Table(
        "gold/panel", "features",
        "The dense panel: one row per series and day of its life, then its known future. A night holds all of it, or "
        "what differs from the night that it is based on.",
        ("as_of", "unique_id", "ds"),
        (
            AS_OF, GROUP, SERIES,
            Column("ds", DATE, "the day; after as_of only covariates are known"),
            units("sales", "what was sold; null after as_of", nullable=True, type=SMALL),
            units("y", "demand: sales, or an estimate on a stock-out day; null after as_of", nullable=True, type=SMALL),
            units("y_sd", "standard deviation of the estimate; 0 where demand was seen", nullable=True, type=SMALL),
            Column("demand_method", TEXT, "observed, hourly_profile, daily_likelihood or unknown", nullable=True),
            Column("is_stockout", BOOL, "sales of this day understate demand"),
            *[feature.column for feature in DAY_FEATURES],
        ),
        partitions=("as_of", "group_id"),
    ),
    Table(
        "gold/series", "features", "Static facts of every series, as known at as_of.",
        ("as_of", "unique_id"),
        (
            AS_OF, GROUP, SERIES, SKU, LOCATION, VENDOR,
            Column("category", TEXT, "top of the category tree"),
            Column("department", TEXT, "below the category"),
            Column("region", TEXT, "of the location"),
            Column("first_ds", DATE, "first day of its life"),
            Column("last_ds", DATE, "last day in the panel"),
            Column("n_days", INT, "days of its life up to as_of"),
            Column("stockout_days", INT, "of these, days on which sales understate demand"),
            units("mean_demand", "mean per day without stock-outs"),
            Column("adi", FLOAT, "average demand interval, days; 0 if it never sold"),
            Column("cv2", FLOAT, "squared coefficient of variation of non-zero demand"),
            Column("demand_class", TEXT, "smooth, erratic, intermittent, lumpy or no_demand"),
            Column("velocity_class", TEXT, "fast, medium or slow"),
            Column("abc_class", TEXT, "A, B or C by sales value"),
            Column("unit", TEXT, "unit of sale and of stock"),
            money("unit_cost", "what one unit costs to buy"),
            money("unit_price", "regular price of one unit"),
            units("min_order_quantity", "least that the vendor delivers of it"),
            units("order_multiple", "the vendor delivers multiples of this"),
            days("review_period", "days between two chances to order", type=INT),
            REVIEW_DATE,
            units("old_reorder_point", "the retailer's present reorder point", nullable=True),
            units("old_order_up_to_level", "the retailer's present order-up-to level", nullable=True),
        ),
        partitions=("as_of", "group_id"),
    ),
    Table(
        "gold/lives", "features", "What all days of each life add up to, as of nights whose panel was whole.",
        ("as_of", "unique_id"),
        (
            AS_OF, SERIES,
            Column("n_days", LONG, "days of its life up to as_of"),
            Column("stockout_days", LONG, "of these, days on which sales understate demand"),
            Column("sale_days", LONG, "days with demand, without stock-outs"),
            Column("units", LONG, "whole units of the demand of these days", unit="sales_unit"),
            Column("unit_parts", LONG, "and millionths of a unit"),
            Column("squares", LONG, "wholes of their squares"),
            Column("square_parts", LONG, "and millionths"),
            Column("last_sale", DATE, "the last day with a sale; null: none", nullable=True),
        ),
        partitions=("as_of",),
    ),
    Table(
        "gold/features", "features", "What a model may know of every series in the evening of as_of.",
        ("as_of", "unique_id"),
        (AS_OF, GROUP, SERIES, *[feature.column for feature in NIGHT_FEATURES]),
        partitions=("as_of", "group_id"),
    ),
    Table(
        "gold/stock_position", "features", "Stock and open orders of every series at the end of as_of.",
        ("as_of", "unique_id"),
        (
            AS_OF, GROUP, SERIES,
            units("on_hand", "units on the shelf and in the back room"),
            units("on_order", "units on their way; of overdue ones what the vendor's record lets expect"),
            units("reserved", "units promised to somebody, transfers that are still to leave among them"),
            units("backorders", "units owed to customers"),
            Column("stock_date", DATE, "day of the stock record; null: none was found", nullable=True),
            units("on_order_overdue", "of the units on their way, those that are overdue, in full"),
            units("on_order_discount", "what was taken off them: on_order would be so much more"),
            units("transfer_in", "of on_order, what comes from another location"),
            units("transfer_out", "of reserved, what goes to another location"),
            Column("supply_dates", DATES, "(n,) days from tomorrow on, on which something of on_order is due", True),
            Column("supply_units", DOUBLES, "(n,) and how much on each", nullable=True, unit="sales_unit"),
        ),
        partitions=("as_of", "group_id"),
    ),
    Table(
        "gold/late_supply", "features", "How likely an overdue order of a vendor still comes in time to help.",
        ("as_of", "vendor_id"),
        (
            AS_OF, VENDOR,
            Column("chance", FLOATS, "(121,): by days overdue, from 0; the last one stands for more"),
        ),
        partitions=("as_of",),
    ),
    Table(
        "gold/lead_times", "features",
        "Lead-time distribution of every vendor: received orders, else quoted; and of lanes, where they are predicted.",
        ("as_of", "vendor_id", "location_id"),
        (
            AS_OF, VENDOR,
            Column("location_id", TEXT, "where it delivers to; null: wherever it has no row of its own", nullable=True),
            Column("probability", FLOATS, "(max_lead_time + 1,): probability of a lead time of 0, 1, 2 … days"),
            Column("n_receipts", LONG, "deliveries behind it; 0: quoted, or predicted from those of others"),
            Column("late", FLOAT, "chance that a line sent tonight is late; null: not predicted", nullable=True),
            Column("short", FLOAT, "share of it that is expected never to come; null: not predicted", nullable=True),
        ),
        partitions=("as_of",),
    ),
    Table(
        "gold/vendor_scorecards", "features", "How well each vendor delivered, by the month in which lines were due.",
        ("as_of", "vendor_id", "month"),
        (
            AS_OF, VENDOR,
            Column("month", DATE, "its first day; of the promised date, else of the receipt"),
            Column("n_lines", LONG, "order lines due, or received"),
            Column("n_received", LONG, "of these, received by as_of"),
            Column("otif", FLOAT, "share of promised lines on time and in full", nullable=True),
            Column("on_time", FLOAT, "share of promised lines received by the promised date", nullable=True),
            days("lead_time_mean", "from order to receipt", nullable=True),
            days("lead_time_sd", "its standard deviation", nullable=True),
            Column("fill", FLOAT, "received / ordered; null: received quantities not recorded", nullable=True),
            Column(
                "price_variance", FLOAT, "(invoiced - catalogue) / catalogue; null: prices not recorded", nullable=True
            ),
            Column("rejected_share", FLOAT, "rejected / received; null: not recorded", nullable=True),
            Column("otif_trend", FLOAT, "slope of otif per month, of 12 months; null: fewer than 3", nullable=True),
            Column("otif_trend_se", FLOAT, "its standard error", nullable=True),
            days("lead_time_trend", "slope of lead_time_mean per month", nullable=True),
            days("lead_time_trend_se", "its standard error", nullable=True),
            Column("temperature_incidents", LONG, "cold chain broken; null: not recorded", nullable=True),
        ),
        partitions=("as_of",),
        plain=True,
    ),
)  # fmt: skip

_DISTRIBUTION = (
    Column("mean", FLOATS, "(horizon,): expected demand of step 1 … horizon", unit="sales_unit"),
    Column("quantiles", FLOATS, "(horizon * n_quantiles,), step major: demand of a day", unit="sales_unit"),
    Column(
        "cumulative_quantiles", FLOATS, "(horizon * n_quantiles,), step major: demand of steps 1 … h together",
        unit="sales_unit",
    ),
)  # fmt: skip

FORECAST = (
    Table(
        "gold/training_ledger", "train", "What became of every group and model.",
        ("as_of", "model", "group_id"),
        (
            AS_OF,
            Column("model", TEXT, "the model asked for"),
            GROUP,
            Column("status", TEXT, "done, fell_back or failed"),
            Column("fitted_model", TEXT, "the model that stands there now", nullable=True),
            Column("error", TEXT, "error class and message of the last attempt", nullable=True),
            Column("artefact", TEXT, "path of the artefact under the lake's root", nullable=True),
            Column("fingerprint", TEXT, "of data, options and code; equal: need not be trained again"),
            Column("n_series", LONG, "series of the group"),
            Column(
                "odd_series", TEXT, "of these, series with little to learn from, by kind: unknown 1, spike 2 "
                "(forecast/odd.py)", nullable=True,
            ),
            Column("n_windows", LONG, "training windows seen; of trees, days of windows"),
            Column("epochs", INT, "epochs run before early stopping"),
            Column("validation_loss", FLOAT, "best validation loss", nullable=True),
            Column(
                "validation_losses", FLOATS,
                "(epochs run,): the loss curve, after each epoch; of trees, each round; empty: nothing was trained",
            ),
            Column("training_losses", FLOATS, "(epochs run,): the same of what it was trained on"),
            Column("seconds", FLOAT, "wall clock", unit="second", measured=True),
            Column("attempts", INT, "tries it took", measured=True),
            Column("worker", TEXT, "host and process", measured=True),
            Column("device", TEXT, "cpu, or the GPU's name", nullable=True, measured=True),
            Column(
                "core_seconds", FLOAT, "processor time, all threads: what it costs, times the price of a core",
                unit="second", nullable=True, measured=True,
            ),
            Column(
                "peak_memory", FLOAT, "of the worker's process while it was at it, libraries included",
                unit="mebibyte", nullable=True, measured=True,
            ),
            Column(
                "device_memory", FLOAT, "the same of the GPU, tensors only", unit="mebibyte", nullable=True,
                measured=True,
            ),
        ),
        partitions=("as_of",),
    ),
    Table(
        "gold/forecasts", "forecast", "Distributions of demand: one row per series, model and cutoff.",
        ("as_of", "cutoff", "model", "unique_id"),
        (
            AS_OF, CUTOFF,
            Column("model", TEXT, "the model asked for"),
            GROUP, SERIES,
            Column(
                "fitted_model", TEXT, "the model that made it: peers, where a series is too young; the baseline, where "
                "the one asked for fell back",
            ),
            *_DISTRIBUTION,
        ),
        partitions=("as_of", "cutoff", "model", "group_id"),
    ),
    Table(
        "gold/explanations", "forecast", "What moved tonight's forecasts: a row per series and model that can say.",
        ("as_of", "model", "unique_id"),
        (
            AS_OF,
            Column("model", TEXT, "whose forecast it is"),
            GROUP, SERIES,
            Column(
                "kind", TEXT, "factors: start times all parts is the forecast; shares: how much a network looked at "
                "each",
            ),
            Column("is_exact", BOOL, "false of trees: their SHAP values are approximated (explain.store)"),
            Column("reasons", TEXTS, "(n_reasons,): in plain words"),
            Column(
                "effects", FLOATS, "(n_reasons,): units that each adds over the horizon, with start they are the "
                "forecast; of shares, its mean",
            ),
            Column(
                "start", FLOATS, "(horizon,): what the model would say if it knew nothing but the level; 0 of shares",
                unit="sales_unit",
            ),
            Column(
                "forecast", FLOATS, "(horizon,): of factors the expected demand, else the median before calibration",
                unit="sales_unit",
            ),
            Column("parts", FLOATS, "(horizon * n_reasons,), step major: factors or shares"),
            Column(
                "looked_back", FLOATS, "(context_length,): share of attention on as_of, on the day before …; empty "
                "where there is none",
            ),
        ),
        partitions=("as_of", "model", "group_id"),
    ),
    Table(
        "gold/accuracy", "evaluate", "How good each model was on days it had not seen.",
        ("as_of", "cutoff", "model", "slice", "value", "metric"),
        (
            AS_OF, CUTOFF,
            Column("model", TEXT, "the model, or a pool of several: lstm+tft"),
            Column(
                "slice", TEXT, "overall, demand_class, category, abc_class, or age at the cutoff: new (younger than "
                "forecast.min_days), young (than context_length), grown",
            ),
            Column("value", TEXT, "which one of the slice"),
            Column(
                "metric", TEXT,
                "mae, rmse, mape, wape, bias, mase, rmsse, wql, scaled_pinball, order_cost, coverage_<level>",
            ),
            Column("score", FLOAT, "null where it is not defined", nullable=True),
            Column("n_series", LONG, "series scored"),
        ),
        partitions=("as_of",),
    ),
    Table(
        "gold/champions", "evaluate", "The model whose forecasts are used, per demand class.",
        ("as_of", "demand_class"),
        (
            AS_OF,
            Column("demand_class", TEXT, "smooth, erratic, intermittent, lumpy or no_demand"),
            Column("model", TEXT, "the model chosen, or a pool of several: lstm+tft"),
            money("order_cost", "what orders would have cost by its forecast (docs/metrics.md)", nullable=True),
            Column("wql", FLOAT, "its weighted quantile loss", nullable=True),
            Column("runner_up", TEXT, "the next best", nullable=True),
            money("runner_up_order_cost", "what they would have cost by that one", nullable=True),
            Column("runner_up_wql", FLOAT, "its weighted quantile loss", nullable=True),
        ),
        partitions=("as_of",),
    ),
)  # fmt: skip

HIERARCHY = (
    Table(
        "gold/hierarchy", "reconcile", "Tonight's forecasts of sums of series, which agree with the series' own.",
        ("as_of", "level", "node"),
        (
            AS_OF,
            Column(
                "level", TEXT, "total, location, category, category_location or sku; sku_location, where the series' "
                "own forecasts are changed",
            ),
            Column("node", TEXT, "which one: all, a location, a category, <category>@<location>, a SKU, a series"),
            Column("n_series", LONG, "series that it is the sum of"),
            Column(
                "base_mean", FLOATS, "(horizon,): its own forecast, before reconciling; null: it has none",
                nullable=True, unit="sales_unit",
            ),
            *_DISTRIBUTION,
        ),
        partitions=("as_of", "level"),
    ),
)  # fmt: skip
