"""Straightforward float64 implementations of GPTQ (Frantar et al. 2022, algorithm 1, without its blocking) and of AWQ's scale
search (Lin et al. 2023, equation 4), run on small random layers. Needs numpy alone; writes quantization_references.json beside itself.

    python3 make_quantization_references.py
"""
import json
import pathlib

import numpy as np


def group_grid(w, top, symmetric):
    """Scale (rounded to f16) and zero of a group, from its range widened to hold zero."""
    low, high = min(w.min(), 0), max(w.max(), 0)
    if symmetric:
        middle = (top + 1) // 2
        return float(np.float16(np.float32(low if -low >= high else high) / np.float32(-middle))), middle
    scale = float(np.float16((np.float32(high) - np.float32(low)) / np.float32(top)))
    return scale, int(np.clip(np.floor(-low / scale + 0.5), 0, top))


def code(w, scale, zero, top):
    return np.clip(np.floor(w / scale + 0.5) + zero, 0, top)


def gptq(weights, x, bits, group, symmetric, act_order, damping):
    w = weights.astype(np.float64).copy()
    rows, columns = w.shape
    top = 2**bits - 1
    hessian = x.T @ x
    mean = np.mean(np.diag(hessian))
    order = np.argsort(-np.diag(hessian), kind="stable") if act_order else np.arange(columns)
    hessian = hessian[order][:, order]
    hessian += np.diag(np.where(np.diag(hessian) == 0, 1, 0)) + damping * mean * np.eye(columns)  # 0: an input that never was
    upper = np.linalg.cholesky(np.linalg.inv(hessian)).T
    w = w[:, order]
    groups = -(-columns // group)
    codes = np.zeros((rows, columns), int)
    scales, zeros = np.zeros((rows, groups)), np.zeros((rows, groups), int)
    if act_order:
        for r in range(rows):
            for g in range(groups):
                scales[r, g], zeros[r, g] = group_grid(weights[r, g * group:(g + 1) * group], top, symmetric)
    for i in range(columns):
        column = order[i]
        g = column // group
        if not act_order and column % group == 0:
            for r in range(rows):
                scales[r, g], zeros[r, g] = group_grid(w[r, i:i + group], top, symmetric)
        c = code(w[:, i], scales[:, g], zeros[:, g], top)
        codes[:, column] = c
        error = (w[:, i] - (c - zeros[:, g]) * scales[:, g]) / upper[i, i]
        w[:, i + 1:] -= np.outer(error, upper[i, i + 1:])
    return codes, scales, zeros


def rounded(w, bits, group, symmetric):
    top = 2**bits - 1
    out = np.zeros_like(w)
    for r in range(w.shape[0]):
        for first in range(0, w.shape[1], group):
            part = w[r, first:first + group]
            scale, zero = group_grid(part, top, symmetric)
            out[r, first:first + group] = (code(part, scale, zero, top) - zero) * scale
    return out


def awq(weights, x, bits, group, symmetric):
    w = weights.astype(np.float64)
    magnitude = np.abs(x).mean(0)
    best = None
    for step in range(20):
        s = np.maximum(magnitude ** (step / 20), 1e-4)
        s /= np.sqrt(s.max() * s.min())
        loss = np.sum((x @ (rounded(w * s, bits, group, symmetric) / s - w).T) ** 2)
        if best is None or loss < best[0]:
            best = (loss, s)
    return best


def main():
    random = np.random.default_rng(6)
    cases = []
    for rows, columns, samples, bits, group, symmetric, act_order, damping, unused in [
            (6, 64, 96, 4, 32, False, False, 0.01, []), (6, 64, 96, 3, 64, True, False, 0.01, []),
            (5, 172, 192, 4, 128, False, False, 0.01, []), (5, 172, 192, 3, 128, False, True, 0.01, []),
            (4, 172, 192, 2, 32, False, True, 0.01, []),
            (4, 100, 128, 4, 0, False, True, 0.01, []),        # a whole row is one group
            (4, 40, 64, 8, 16, True, True, 0.01, []),          # 8 bits, a short last group
            (4, 72, 24, 4, 32, True, True, 0.1, []),           # fewer samples than columns: only the damping makes H regular
            (4, 72, 96, 3, 32, False, True, 0.001, [7, 31, 70])]:  # inputs that are always 0
        whole, group = group == 0, group or columns
        mix = random.normal(size=(columns, columns)) / np.sqrt(columns) + np.diag(np.exp(random.normal(size=columns)))
        x = np.round(random.normal(size=(samples, columns)) @ mix, 2)
        x[:, unused] = 0
        w = np.round(random.normal(size=(rows, columns)) * 0.1, 4).astype(np.float32)
        codes, scales, zeros = gptq(w, x, bits, group, symmetric, act_order, damping)
        loss, s = awq(w, x, bits, group, symmetric)
        cases.append({"bits": bits, "group": 0 if whole else group, "symmetric": symmetric, "act_order": act_order,
                      "damping": damping,
                      "x": x.tolist(), "w": np.round(w.astype(float), 4).tolist(), "codes": codes.tolist(),
                      "scales": scales.tolist(), "zeros": zeros.tolist(), "awq_scales": np.round(s, 7).tolist(),
                      "awq_loss": float(loss)})
    assert any(s < 0 for case in cases if case["symmetric"] for row in case["scales"] for s in row), "no negative scale"
    path = pathlib.Path(__file__).with_name("quantization_references.json")
    path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


main()
