"""Straightforward float64 implementations of two steps that Catena adds to GPTQ, run on small random layers: what a layer aims
at when its inputs come from quantized layers (normal equations), and coordinate descent on codes in turn with least-squares
scales. Every gradient and every loss is computed anew. Needs numpy alone; writes descent_references.json beside itself.

    python3 make_descent_references.py
"""
import json
import pathlib

import numpy as np

ROUNDS, SWEEPS, DAMPING = 3, 2, 0.01


def f16(values):
    return np.float16(np.float32(values)).astype(np.float64)


def damped(hessian):
    return hessian + DAMPING * np.mean(np.diag(hessian)) * np.eye(len(hessian))


def target(w, x, x_now):
    """The W' whose outputs on the present inputs are nearest to those of W on the original ones."""
    return w + w @ ((x - x_now).T @ x_now) @ np.linalg.inv(damped(x_now.T @ x_now))


def values(codes, scales, zeros, group):
    index = np.arange(len(codes)) // group
    return (codes - zeros[index]) * scales[index]


def loss(w, codes, scales, zeros, group, h):
    d = w - values(codes, scales, zeros, group)
    return d @ h @ d


def best_scales(w, codes, zeros, group, h):
    columns, groups = len(w), len(zeros)
    basis = np.zeros((groups, columns))
    for i in range(columns):
        basis[i // group, i] = codes[i] - zeros[i // group]
    return f16(np.linalg.solve(basis @ h @ basis.T, basis @ h @ w))


def descend(w, codes, scales, zeros, group, h, top):
    codes, scales = codes.copy(), scales.copy()
    for _ in range(ROUNDS):
        changed = False
        for _ in range(SWEEPS):
            for i in range(len(w)):
                gradient = (w - values(codes, scales, zeros, group)) @ h[i]
                scale = scales[i // group]
                better = np.clip(codes[i] + np.rint(gradient / (scale * h[i, i])), 0, top)
                changed |= bool(better != codes[i])
                codes[i] = better
        refitted = best_scales(w, codes, zeros, group, h)
        if loss(w, codes, refitted, zeros, group, h) < loss(w, codes, scales, zeros, group, h):
            scales = refitted
        elif not changed:
            break
    return codes, scales


def main():
    random = np.random.default_rng(11)
    cases = []
    for rows, columns, samples, bits, group in [(4, 64, 96, 4, 32), (4, 172, 256, 3, 128), (3, 96, 128, 2, 96)]:
        top = 2**bits - 1
        mix = random.normal(size=(columns, columns)) / np.sqrt(columns) + np.diag(np.exp(random.normal(size=columns)))
        x = np.round(random.normal(size=(samples, columns)) @ mix, 2)
        x_now = np.round(x + 0.1 * random.normal(size=x.shape) @ mix, 2)
        w = np.round(random.normal(size=(rows, columns)) * 0.1, 4)
        h = damped(x_now.T @ x_now)
        groups = -(-columns // group)
        scales, zeros, codes = np.zeros((rows, groups)), np.zeros((rows, groups)), np.zeros((rows, columns))
        for r in range(rows):
            for g in range(groups):
                part = w[r, g * group:(g + 1) * group]
                low, high = min(part.min(), 0), max(part.max(), 0)
                scales[r, g] = f16((high - low) / top)
                zeros[r, g] = np.clip(np.floor(-low / scales[r, g] + 0.5), 0, top)
            index = np.arange(columns) // group
            codes[r] = np.clip(np.floor(w[r] / scales[r, index] + 0.5) + zeros[r, index], 0, top)
        after = [descend(w[r], codes[r], scales[r], zeros[r], group, h, top) for r in range(rows)]
        cases.append({"bits": bits, "group": group, "x": x.tolist(), "x_now": x_now.tolist(), "w": w.tolist(),
                      "target": np.round(target(w, x, x_now), 9).tolist(),
                      "codes": codes.astype(int).tolist(), "scales": scales.tolist(), "zeros": zeros.astype(int).tolist(),
                      "better_codes": [c.astype(int).tolist() for c, _ in after],
                      "better_scales": [s.tolist() for _, s in after],
                      "loss": [loss(w[r], *after[r], zeros[r], group, h) for r in range(rows)]})
    path = pathlib.Path(__file__).with_name("descent_references.json")
    path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


main()
