"""Array theory: from protection demand to reorder point and order quantity, and the simulator that proves it."""

from scaleinv.inventory.bootstrap import interval_of_sums, ratio_interval, resampled_sums
from scaleinv.inventory.budget import Allotment, allot, whole_trucks
from scaleinv.inventory.calendars import Deliveries, OpenDays, deliveries, open_days
from scaleinv.inventory.compiled import side_by_side
from scaleinv.inventory.demand import Demand
from scaleinv.inventory.demand_continuous import Gamma, LogNormal, Normal, Uniform, normal_second_loss
from scaleinv.inventory.demand_discrete import NegativeBinomial, Pmf, Poisson, probability_table
from scaleinv.inventory.discount import all_units_discount, incremental_discount
from scaleinv.inventory.draws import uniforms
from scaleinv.inventory.guaranteed_service import FREE, GuaranteedService, guaranteed_service
from scaleinv.inventory.joint import joint_cycle, joint_replenishment
from scaleinv.inventory.lead_demand import Mixture, compound_poisson, correlated_variance, lead_demand, variance_of_sum
from scaleinv.inventory.lead_time import lead_time_cdf, lead_time_moments
from scaleinv.inventory.limits import Limited, demand_over, quantile_at, shelf_life_limit, within_limit
from scaleinv.inventory.lot_plan import lot_heuristic, plan_cost, wagner_whitin
from scaleinv.inventory.lot_size import order_quantity_cost, production_quantity, quantity_with_backorders
from scaleinv.inventory.min_max import min_max_cost, min_max_fill_rate, min_max_optimum
from scaleinv.inventory.newsvendor import (
    base_stock,
    critical_ratio,
    newsvendor,
    newsvendor_cost,
    newsvendor_profit,
    unit_costs,
)
from scaleinv.inventory.orders import inventory_position, order_quantity_to, round_up
from scaleinv.inventory.parts import ReorderParts, reorder_parts
from scaleinv.inventory.paths import copula_paths, equal_correlation, fading_correlation, path_sums, willemain_paths
from scaleinv.inventory.policy import DAYS_PER_YEAR, Method, Policies, order_quantity, policies
from scaleinv.inventory.positions import Positions, positions_after_review
from scaleinv.inventory.protection import ProtectionDemand, protection_demand
from scaleinv.inventory.reorder import reorder_cost, reorder_optimum, reorder_stock
from scaleinv.inventory.reorder_approximate import (
    hadley_whitin,
    reorder_by_backorder_quantity,
    reorder_by_loss,
    reorder_by_order_quantity,
    reorder_point_for,
    service_order_quantity,
)
from scaleinv.inventory.reorder_points import (
    fill_rate_safety_stock,
    gamma_reorder_point,
    negative_binomial_reorder_point,
    normal_reorder_point,
    path_days,
    path_quantile,
)
from scaleinv.inventory.rounding import rounded_by_cost, rounded_by_threshold
from scaleinv.inventory.screening import Screened, screen
from scaleinv.inventory.serial import serial_heuristic, serial_levels
from scaleinv.inventory.service import (
    cycle_reorder_point,
    cycle_service_level,
    cycle_shortage,
    fill_rate,
    fill_reorder_point,
    optimal_cycle_service,
    periodic_fill_rate,
    periodic_order_up_to,
)
from scaleinv.inventory.simulate import Simulation, simulate
from scaleinv.inventory.supply_uncertainty import (
    base_stock_with_disruptions,
    disruption_cost,
    newsvendor_with_yield,
    quantity_with_disruptions,
    quantity_with_yield,
)
from scaleinv.inventory.theory import (
    cycle_factor,
    economic_order_quantity,
    fill_factor,
    inverse_normal_loss,
    normal_loss,
    root_spread,
)
from scaleinv.inventory.undershoot import (
    min_max_reorder_point,
    power_approximation,
    undershoot_moments,
    undershoot_probability,
    with_undershoot,
)
from scaleinv.inventory.value import OrderLines, expected_shortage, order_lines, order_value

__all__ = [
    "DAYS_PER_YEAR",
    "FREE",
    "Allotment",
    "Deliveries",
    "Demand",
    "Gamma",
    "GuaranteedService",
    "Limited",
    "LogNormal",
    "Method",
    "Mixture",
    "NegativeBinomial",
    "Normal",
    "OpenDays",
    "OrderLines",
    "Pmf",
    "Poisson",
    "Policies",
    "Positions",
    "ProtectionDemand",
    "ReorderParts",
    "Screened",
    "Simulation",
    "Uniform",
    "all_units_discount",
    "allot",
    "base_stock",
    "base_stock_with_disruptions",
    "compound_poisson",
    "copula_paths",
    "correlated_variance",
    "critical_ratio",
    "cycle_factor",
    "cycle_reorder_point",
    "cycle_service_level",
    "cycle_shortage",
    "deliveries",
    "demand_over",
    "disruption_cost",
    "economic_order_quantity",
    "equal_correlation",
    "expected_shortage",
    "fading_correlation",
    "fill_factor",
    "fill_rate",
    "fill_rate_safety_stock",
    "fill_reorder_point",
    "gamma_reorder_point",
    "guaranteed_service",
    "hadley_whitin",
    "incremental_discount",
    "interval_of_sums",
    "inventory_position",
    "inverse_normal_loss",
    "joint_cycle",
    "joint_replenishment",
    "lead_demand",
    "lead_time_cdf",
    "lead_time_moments",
    "lot_heuristic",
    "min_max_cost",
    "min_max_fill_rate",
    "min_max_optimum",
    "min_max_reorder_point",
    "negative_binomial_reorder_point",
    "newsvendor",
    "newsvendor_cost",
    "newsvendor_profit",
    "newsvendor_with_yield",
    "normal_loss",
    "normal_reorder_point",
    "normal_second_loss",
    "open_days",
    "optimal_cycle_service",
    "order_lines",
    "order_quantity",
    "order_quantity_cost",
    "order_quantity_to",
    "order_value",
    "path_days",
    "path_quantile",
    "path_sums",
    "periodic_fill_rate",
    "periodic_order_up_to",
    "plan_cost",
    "policies",
    "positions_after_review",
    "power_approximation",
    "probability_table",
    "production_quantity",
    "protection_demand",
    "quantile_at",
    "quantity_with_backorders",
    "quantity_with_disruptions",
    "quantity_with_yield",
    "ratio_interval",
    "reorder_by_backorder_quantity",
    "reorder_by_loss",
    "reorder_by_order_quantity",
    "reorder_cost",
    "reorder_optimum",
    "reorder_parts",
    "reorder_point_for",
    "reorder_stock",
    "resampled_sums",
    "root_spread",
    "round_up",
    "rounded_by_cost",
    "rounded_by_threshold",
    "screen",
    "serial_heuristic",
    "serial_levels",
    "service_order_quantity",
    "shelf_life_limit",
    "side_by_side",
    "simulate",
    "undershoot_moments",
    "undershoot_probability",
    "uniforms",
    "unit_costs",
    "variance_of_sum",
    "wagner_whitin",
    "whole_trucks",
    "willemain_paths",
    "with_undershoot",
    "within_limit",
]
