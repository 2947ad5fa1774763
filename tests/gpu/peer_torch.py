#!/usr/bin/env python3
"""PyTorch as the peer on a GPU: Llama shapes with random weights, f16 and W4, decode and prefill, beside the card's own limits.

    peer_torch.py --shape 7b --cells 1x128,16x128,1x4096 [--compile] [--json OUT.jsonl] [--seconds 400]

Cells are BATCHxCONTEXT; prompts go with the first one. Prints one line per measurement and, with --json, writes each as it is taken; cells that are there already are not measured again.
Limits: read bandwidth (a reduction over 4 GiB), copy bandwidth (bytes read + written), f16 matrix rate (8192 cubed, random data).
Decode: one step with a static KV cache filled to the context, in a CUDA graph, median of replays; --compile lets torch.compile
fuse each layer first. W4: torch.ops.aten._weight_int4pack_mm (bf16, groups of 128). `share` is the bytes that the step must read
(weights once, KV once) over time, as a fraction of the read bandwidth. --dry rehearses on a CPU, with a toy in the shape's place and
without graphs: what it prints are no measurements.
"""
import argparse, gc, json, math, os, statistics, time
import torch
import torch.nn.functional as F

SHAPES = {"7b": dict(layers=32, dim=4096, ffn=11008, heads=32, kv_heads=32, vocab=32000),
          "8b": dict(layers=32, dim=4096, ffn=14336, heads=32, kv_heads=8, vocab=128256),
          "1b": dict(layers=22, dim=2048, ffn=5632, heads=32, kv_heads=4, vocab=32000),
          "toy": dict(layers=2, dim=256, ffn=512, heads=4, kv_heads=2, vocab=512)}
GROUP = 128


class Gpu:
    """What is measured."""
    dev, read_elements, matrix_side, seconds = "cuda", 1 << 30, 8192, 2.0

    def name(self):
        return torch.cuda.get_device_name()

    def free_bytes(self):
        return torch.cuda.mem_get_info()[0]

    def graph(self, fn):
        """fn as a CUDA graph, to be called."""
        s = torch.cuda.Stream()
        s.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(s):
            for _ in range(3):
                fn()
        torch.cuda.current_stream().wait_stream(s)
        g = torch.cuda.CUDAGraph()
        with torch.cuda.graph(g):
            fn()
        return g.replay

    def milliseconds(self, fn):
        """Of one call on the current stream, by events."""
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        a.record(); fn(); b.record(); torch.cuda.synchronize()
        return a.elapsed_time(b)

    def forget(self):
        gc.collect()
        torch.cuda.empty_cache()

    def pack_int4(self, n, k):
        """Random codes as _weight_int4pack_mm wants them: [n, k / 2] bytes, before PyTorch 2.5 [n, k] numbers, in tiles of 8 x 128."""
        pack = torch.ops.aten._convert_weight_to_int4pack
        try:
            return pack(torch.randint(0, 256, (n, k // 2), device=self.dev, dtype=torch.uint8), 8)
        except RuntimeError:
            return pack(torch.randint(0, 16, (n, k), device=self.dev, dtype=torch.int32), 8)

    multiply_int4 = staticmethod(lambda *a: torch.ops.aten._weight_int4pack_mm(*a))


class Rehearsal:
    """A CPU in its place."""
    dev, read_elements, matrix_side, seconds = "cpu", 1 << 16, 64, 0.01

    def name(self):
        return "rehearsal on a CPU"

    def free_bytes(self):
        return 1 << 30

    def graph(self, fn):
        return fn

    def milliseconds(self, fn):
        began = time.perf_counter()
        fn()
        return (time.perf_counter() - began) * 1e3

    def forget(self):
        gc.collect()

    def pack_int4(self, n, k):
        return torch.ops.aten._convert_weight_to_int4pack_for_cpu(torch.randint(0, 16, (n, k), dtype=torch.int32), 8)

    multiply_int4 = staticmethod(lambda *a: torch.ops.aten._weight_int4pack_mm_for_cpu(*a))


class Dense:
    """y = x W^T with W [n, k] in the activations' type."""
    def __init__(self, n, k, machine, dtype):
        self.w = torch.randn(n, k, device=machine.dev, dtype=torch.float32).mul_(1 / math.sqrt(k)).to(dtype)
        self.bytes = self.w.numel() * self.w.element_size()

    def __call__(self, x):
        return F.linear(x, self.w)


class Int4:
    """The same with W in 4 bits, groups of 128, bf16 scales and zeros."""
    def __init__(self, n, k, machine, dtype):
        self.n, self.multiply, self.w = n, machine.multiply_int4, machine.pack_int4(n, k)
        self.sz = (torch.rand(k // GROUP, n, 2, device=machine.dev) * 0.01 / math.sqrt(k)).to(torch.bfloat16)
        self.bytes = n * k // 2 + self.sz.numel() * 2

    def __call__(self, x):
        return self.multiply(x.reshape(-1, x.shape[-1]).contiguous(), self.w, GROUP, self.sz).view(*x.shape[:-1], self.n)


class Model:
    def __init__(self, c, machine, bits, batch, context):
        self.c, dev = c, machine.dev
        self.dtype = torch.float16 if bits == 16 else torch.bfloat16
        lin = lambda n, k: (Dense if bits == 16 else Int4)(n, k, machine, self.dtype)
        self.hd = c["dim"] // c["heads"]
        kv = c["kv_heads"] * self.hd
        self.layers = [(lin(c["dim"] + 2 * kv, c["dim"]), lin(c["dim"], c["dim"]), lin(2 * c["ffn"], c["dim"]), lin(c["dim"], c["ffn"]))
                       for _ in range(c["layers"])]
        self.norms = [torch.ones(c["dim"], device=dev, dtype=self.dtype) for _ in range(2 * c["layers"] + 1)]
        self.embed = torch.randn(c["vocab"], c["dim"], device=dev).to(self.dtype)
        self.head = lin(c["vocab"], c["dim"])
        self.room = context + 1
        self.cache = [torch.randn(2, batch, c["kv_heads"], self.room, self.hd, device=dev).to(self.dtype) for _ in range(c["layers"])]
        inv = 10000.0 ** (-torch.arange(0, self.hd, 2, device=dev).float() / self.hd)
        a = torch.arange(max(self.room, 4096), device=dev).float()[:, None] * inv[None]
        self.cos, self.sin = torch.cat([a, a], -1).cos().to(self.dtype), torch.cat([a, a], -1).sin().to(self.dtype)
        self.weight_bytes = sum(l.bytes for ls in self.layers for l in ls) + self.head.bytes
        self.kv_bytes = c["layers"] * 2 * batch * self.room * kv * self.cache[0].element_size()

    def norm(self, x, w):
        return (x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-5)).to(x.dtype) * w

    def rope(self, x, cos, sin):
        h = self.hd // 2
        return x * cos + torch.cat([-x[..., h:], x[..., :h]], -1) * sin

    def attend(self, q, k, v, causal):
        r = self.c["heads"] // self.c["kv_heads"]
        if hasattr(F, "scaled_dot_product_attention"):
            try:
                return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=r > 1)
            except TypeError:
                pass
        k, v = k.repeat_interleave(r, 1), v.repeat_interleave(r, 1)
        s = q @ k.transpose(-1, -2) / math.sqrt(self.hd)
        if causal:
            s = s + torch.full(s.shape[-2:], float("-inf"), device=s.device).triu(1)
        return s.softmax(-1) @ v

    def layer(self, i, x, pos, prefill):
        qkv, o, gu, down = self.layers[i]
        b, t, d = x.shape
        kv = self.c["kv_heads"] * self.hd
        q, k, v = qkv(self.norm(x, self.norms[2 * i])).split([d, kv, kv], -1)
        q = q.view(b, t, -1, self.hd).transpose(1, 2)
        k = k.view(b, t, -1, self.hd).transpose(1, 2)
        v = v.view(b, t, -1, self.hd).transpose(1, 2)
        cos, sin = self.cos[pos], self.sin[pos]
        q, k = self.rope(q, cos, sin), self.rope(k, cos, sin)
        if not prefill:
            c = self.cache[i]
            c[0].index_copy_(2, pos, k)
            c[1].index_copy_(2, pos, v)
            k, v = c[0], c[1]
        x = x + o(self.attend(q, k, v, prefill).transpose(1, 2).reshape(b, t, d))
        g, u = gu(self.norm(x, self.norms[2 * i + 1])).chunk(2, -1)
        return x + down(F.silu(g) * u)

    def step(self, ids, pos, prefill=False):
        x = self.embed[ids]
        for i in range(self.c["layers"]):
            x = self.layer(i, x, pos, prefill)
        return self.head(self.norm(x[:, -1:], self.norms[-1])).argmax(-1)


def timed(machine, fn, floor=5):
    """Median milliseconds of fn."""
    machine.milliseconds(fn)
    out, t0 = [], time.time()
    while len(out) < floor or (time.time() - t0 < machine.seconds and len(out) < 200):
        out.append(machine.milliseconds(fn))
    return statistics.median(out)


def limits(machine):
    x = torch.randn(machine.read_elements, device=machine.dev)
    read = x.numel() * 4 / timed(machine, lambda: x.sum()) * 1e3
    y = torch.empty_like(x)
    copy = 2 * x.numel() * 4 / timed(machine, lambda: y.copy_(x)) * 1e3
    del x, y
    side = machine.matrix_side
    a, b = (torch.randn(side, side, device=machine.dev, dtype=torch.float16) for _ in range(2))
    return read, copy, 2 * side ** 3 / timed(machine, lambda: a @ b) * 1e3


def earlier(path):
    """What a run before this one wrote; a line that was cut off is left out, and so is that time had run out."""
    found = []
    for line in open(path) if path and os.path.exists(path) else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            pass
    found = [r for r in found if "stopped" not in r]
    if path:
        with open(path + ".part", "w") as f:
            f.writelines(json.dumps(r) + "\n" for r in found)
        os.replace(path + ".part", path)
    return found


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--shape", default="7b", choices=SHAPES); ap.add_argument("--cells", default="1x128,16x128,1x4096,16x4096,4x4096,64x128")
    ap.add_argument("--bits", default="16,4"); ap.add_argument("--prefill", default="512,2048"); ap.add_argument("--compile", action="store_true")
    ap.add_argument("--json"); ap.add_argument("--seconds", type=float, default=400); ap.add_argument("--dry", action="store_true")
    a = ap.parse_args()
    torch.set_grad_enabled(False); torch.manual_seed(1)
    start, sink = time.time(), None
    cells = [tuple(map(int, cell.split("x"))) for cell in a.cells.split(",")]

    def say(**r):
        print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in r.items()), flush=True)
        if sink:
            sink.write(json.dumps(r) + "\n"); sink.flush()

    known = {(r["bits"], r["context"], r["batch"]) for r in earlier(a.json) if "batch" in r and ("tokens_s" in r or "fits" in r)}
    sink = open(a.json, "a") if a.json else None
    machine = Rehearsal() if a.dry else Gpu()
    c = SHAPES["toy" if a.dry else a.shape]
    read, copy, rate = limits(machine)
    say(device=machine.name(), torch=torch.__version__, read_GB_s=read / 1e9, copy_GB_s=copy / 1e9, f16_TFLOP_s=rate / 1e12)
    machine.forget()
    free = machine.free_bytes()
    for bits in map(int, a.bits.split(",")):
        for batch, context in cells:
            if time.time() - start > a.seconds:
                say(stopped="time"); return
            if (bits, context, batch) in known:
                continue
            kv = c["layers"] * 2 * batch * (context + 1) * c["kv_heads"] * (c["dim"] // c["heads"]) * 2
            per = c["layers"] * (2 * c["dim"] ** 2 + 2 * c["dim"] * c["kv_heads"] * c["dim"] // c["heads"] + 3 * c["dim"] * c["ffn"]) + 2 * c["vocab"] * c["dim"]
            if kv + per * (2 if bits == 16 else 0.6) > 0.9 * free:
                say(shape=a.shape, bits=bits, batch=batch, context=context, fits=False, kv_GB=kv / 1e9); continue
            m = replay = None
            try:
                m = Model(c, machine, bits, batch, context)
                ids, pos = torch.zeros(batch, 1, dtype=torch.long, device=machine.dev), torch.tensor([context], device=machine.dev)
                if a.compile:
                    m.layer = torch.compile(m.layer, dynamic=False, mode="max-autotune-no-cudagraphs")
                # Prompts before the cell itself: whoever finds that measured leaves both out.
                if (batch, context) == cells[0]:
                    for n in map(int, a.prefill.split(",")):
                        pid, pp = torch.zeros(1, n, dtype=torch.long, device=machine.dev), torch.arange(n, device=machine.dev)
                        ms = timed(machine, lambda: m.step(pid, pp, prefill=True))
                        say(shape=a.shape, bits=bits, prefill=n, compiled=a.compile, ms=ms, tokens_s=n / ms * 1e3,
                            share_of_matrix_rate=2 * (per - c["vocab"] * c["dim"]) * n / ms * 1e3 / rate)
                replay = machine.graph(lambda: m.step(ids, pos))
                ms = timed(machine, replay)
                say(shape=a.shape, bits=bits, batch=batch, context=context, compiled=a.compile, ms=ms, tokens_s=batch / ms * 1e3,
                    GB=(m.weight_bytes + m.kv_bytes) / 1e9, share=(m.weight_bytes + m.kv_bytes) / ms * 1e3 / read)
            except Exception as e:  # one cell must not cost the others
                say(shape=a.shape, bits=bits, batch=batch, context=context, failed=f"{type(e).__name__}: {str(e)[:160]}")
            m = replay = None       # before the next one is made, also where this one failed
            machine.forget()


main()
