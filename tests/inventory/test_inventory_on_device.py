"""The torch twins of the kernels: the same numbers, on the CPU and, where there is one, on a GPU."""

from __future__ import annotations

import numpy as np
import pytest

from scaleinv import inventory

torch = pytest.importorskip("torch")

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]
    ),
]


@pytest.mark.parametrize("device", DEVICES)
def test_twins_agree_with_the_kernels(device: str) -> None:
    from scaleinv.inventory import on_device

    rng = np.random.default_rng(1)
    n = 3_000
    level, mean = rng.uniform(0.5, 0.9999, n), np.exp(rng.uniform(-4, 9, n))
    sd, days, lead = mean * rng.uniform(0.3, 2, n), rng.integers(1, 28, n).astype(float), rng.uniform(0, 4, n)
    total = mean * days
    variance = np.maximum(days * sd**2, 1.05 * total)

    def run(name: str, *arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        tensors = [torch.tensor(array, device=device) for array in arrays]
        return getattr(on_device, name)(*tensors).cpu().numpy(), getattr(inventory, name)(*arrays)

    for name, arrays in {
        "normal_reorder_point": (level, mean, sd, days, lead),
        "gamma_reorder_point": (level, total, variance),
        "fill_rate_safety_stock": (level, 9 * mean, np.sqrt(variance)),
    }.items():
        found, expected = run(name, *arrays)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), name
    found, expected = run("negative_binomial_reorder_point", level, total, variance)
    assert np.array_equal(found, expected)
    narrow = total * (1 + np.exp(rng.uniform(-12, 1, n)))
    found, expected = run("negative_binomial_reorder_point", level, total, narrow)
    assert np.array_equal(found, expected)
    paths = rng.poisson(3, (300, 101, 21)).astype(np.float32)
    protected = rng.integers(1, 22, (300, 101))
    quantile = on_device.path_quantile(torch.tensor(paths, device=device), torch.tensor(protected, device=device), 0.95)
    assert np.array_equal(quantile.cpu().numpy(), inventory.path_quantile(paths, protected, 0.95))
