"""The peer: one decode step's matrices of Llama-7B and Llama-3-8B in PyTorch, f16 and 4 bits, each layer list as one CUDA graph.
Prints a line for each: shape, bits, milliseconds a token. Run by run.sh, step d; `--rehearse` runs small shapes on the CPU."""
import sys
import time

import torch

REHEARSE = "--rehearse" in sys.argv
SHAPES = {  # layers, [(outputs, inputs)] of a layer, vocabulary and width
    "llama-7b": (32, [(12288, 4096), (4096, 4096), (22016, 4096), (4096, 11008)], (32000, 4096)),
    "llama-3-8b": (32, [(6144, 4096), (4096, 4096), (28672, 4096), (4096, 14336)], (128256, 4096)),
}


def median_ms(run, sync):
    times = []
    for i in range(7):
        sync()
        start = time.perf_counter()
        run()
        sync()
        if i >= 2:
            times.append((time.perf_counter() - start) * 1e3)
    return sorted(times)[len(times) // 2]


def f16(shape, device):
    layers, matrices, head = shape
    dtype = torch.float32 if REHEARSE else torch.float16
    weights = [torch.randn(n, k, dtype=dtype, device=device) for _ in range(layers) for n, k in matrices]
    weights.append(torch.randn(*head, dtype=dtype, device=device))
    inputs = {w.shape[1]: torch.randn(1, w.shape[1], dtype=dtype, device=device) for w in weights}
    return lambda: [torch.nn.functional.linear(inputs[w.shape[1]], w) for w in weights]


def w4(shape, device, group=128):
    layers, matrices, _ = shape
    packed = []
    for _ in range(layers):
        for n, k in matrices:
            codes = torch.randint(0, 255, (n, k // 2), dtype=torch.uint8, device=device)
            scales = torch.ones(k // group, n, 2, dtype=torch.bfloat16, device=device)
            packed.append((torch.ops.aten._convert_weight_to_int4pack(codes, 8), scales, k))
    inputs = {k: torch.randn(1, k, dtype=torch.bfloat16, device=device) for _, _, k in packed}
    return lambda: [torch.ops.aten._weight_int4pack_mm(inputs[k], w, group, s) for w, s, k in packed]


def measure(name, bits, make, shape, device):
    try:
        run = make(shape, device)
        if device == "cpu":
            print(f"peer {name} {bits} {median_ms(run, lambda: None):.4f} ms")
            return
        run()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            run()
        print(f"peer {name} {bits} {median_ms(graph.replay, torch.cuda.synchronize):.4f} ms")
    except Exception as e:  # a cell that doesn't run is printed, with the reason
        print(f"peer {name} {bits} not measured: {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}")


device = "cpu" if REHEARSE else "cuda"
print(f"peer torch {torch.__version__} on {device if REHEARSE else torch.cuda.get_device_name()}")
for name, shape in SHAPES.items():
    if REHEARSE:
        shape = (1, [(n // 64, k // 64) for n, k in shape[1]], (shape[2][0] // 64, shape[2][1] // 64))
    measure(name, "f16", f16, shape, device)
    measure(name, "w4", w4, shape, device)
