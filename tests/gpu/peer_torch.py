#!/usr/bin/env python3
"""PyTorch as the peer on a GPU: Llama shapes with random weights, f16 and W4, decode and prefill, beside the card's own limits.

    peer_torch.py --shape 7b --batch 1,4,16,64 --context 128,4096 [--compile] [--json OUT.jsonl] [--seconds 400]

Prints one line per measurement and, with --json, writes each as it is taken; cells that are there already are not measured again.
Limits: read bandwidth (a reduction over 4 GiB), copy bandwidth (bytes read + written), f16 matrix rate (8192 cubed, random data).
Decode: one step with a static KV cache filled to the context, in a CUDA graph, median of replays; --compile lets torch.compile
fuse each layer first. W4: torch.ops.aten._weight_int4pack_mm (bf16, groups of 128). `share` is the bytes that the step must read
(weights once, KV once) over time, as a fraction of the read bandwidth. --dry runs the arithmetic once on a CPU at a toy size.
"""
import argparse, json, math, os, statistics, sys, time
import torch
import torch.nn.functional as F

SHAPES = {"7b": dict(layers=32, dim=4096, ffn=11008, heads=32, kv_heads=32, vocab=32000),
          "8b": dict(layers=32, dim=4096, ffn=14336, heads=32, kv_heads=8, vocab=128256),
          "1b": dict(layers=22, dim=2048, ffn=5632, heads=32, kv_heads=4, vocab=32000),
          "toy": dict(layers=2, dim=256, ffn=512, heads=4, kv_heads=2, vocab=512)}
GROUP = 128


class Dense:
    """y = x W^T with W [n, k] in the activations' type."""
    def __init__(self, n, k, dev, dtype):
        self.w = torch.randn(n, k, device=dev, dtype=torch.float32).mul_(1 / math.sqrt(k)).to(dtype)
        self.bytes = self.w.numel() * self.w.element_size()

    def __call__(self, x):
        return F.linear(x, self.w)


class Int4:
    """The same with W in 4 bits, groups of 128, bf16 scales and zeros."""
    def __init__(self, n, k, dev, dtype):
        self.n = n
        packed = torch.randint(0, 256, (n, k // 2), device=dev, dtype=torch.uint8)
        self.w = torch.ops.aten._convert_weight_to_int4pack(packed, 8)
        self.sz = (torch.rand(k // GROUP, n, 2, device=dev) * 0.01 / math.sqrt(k)).to(torch.bfloat16)
        self.bytes = n * k // 2 + self.sz.numel() * 2

    def __call__(self, x):
        return torch.ops.aten._weight_int4pack_mm(x.reshape(-1, x.shape[-1]), self.w, GROUP, self.sz).view(*x.shape[:-1], self.n)


class Model:
    def __init__(self, c, dev, bits, batch, context):
        self.c, self.dev = c, dev
        self.dtype = torch.float32 if dev == "cpu" else (torch.float16 if bits == 16 else torch.bfloat16)
        lin = (lambda n, k: Dense(n, k, dev, self.dtype)) if bits == 16 else (lambda n, k: Int4(n, k, dev, self.dtype))
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


def timed(fn, seconds=2.0, floor=5):
    """Median milliseconds of fn on the current stream, by events."""
    fn(); torch.cuda.synchronize()
    out, t0 = [], time.time()
    while len(out) < floor or (time.time() - t0 < seconds and len(out) < 200):
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        a.record(); fn(); b.record(); torch.cuda.synchronize()
        out.append(a.elapsed_time(b))
    return statistics.median(out)


def limits():
    x = torch.randn(1 << 30, device="cuda")
    read = x.numel() * 4 / timed(lambda: x.sum()) * 1e3
    y = torch.empty_like(x)
    copy = 2 * x.numel() * 4 / timed(lambda: y.copy_(x)) * 1e3
    del x, y
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.float16) for _ in range(2))
    return read, copy, 2 * 8192 ** 3 / timed(lambda: a @ b) * 1e3


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
        with open(path, "w") as f:
            f.writelines(json.dumps(r) + "\n" for r in found)
    return found


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--shape", default="7b", choices=SHAPES); ap.add_argument("--batch", default="1,4,16,64"); ap.add_argument("--context", default="128,4096")
    ap.add_argument("--bits", default="16,4"); ap.add_argument("--prefill", default="512,2048"); ap.add_argument("--compile", action="store_true")
    ap.add_argument("--json"); ap.add_argument("--seconds", type=float, default=400); ap.add_argument("--dry", action="store_true")
    a = ap.parse_args()
    torch.set_grad_enabled(False); torch.manual_seed(1)
    start, sink = time.time(), None

    def say(**r):
        print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in r.items()), flush=True)
        if sink:
            sink.write(json.dumps(r) + "\n"); sink.flush()

    known = {(r["bits"], r["context"], r["batch"]) for r in earlier(a.json) if "batch" in r and ("tokens_s" in r or "fits" in r)}
    sink = open(a.json, "a") if a.json else None
    c = SHAPES["toy" if a.dry else a.shape]
    if a.dry:
        m = Model(c, "cpu", 16, 2, 8)
        one = m.step(torch.zeros(2, 1, dtype=torch.long), torch.tensor([8]))
        many = m.step(torch.zeros(1, 8, dtype=torch.long), torch.arange(8), prefill=True)
        say(dry="ok", decode=tuple(one.shape), prefill=tuple(many.shape)); return
    read, copy, rate = limits()
    say(device=torch.cuda.get_device_name(), torch=torch.__version__, read_GB_s=read / 1e9, copy_GB_s=copy / 1e9, f16_TFLOP_s=rate / 1e12)
    free = torch.cuda.mem_get_info()[0]
    for bits in map(int, a.bits.split(",")):
        for context in map(int, a.context.split(",")):
            for batch in map(int, a.batch.split(",")):
                if time.time() - start > a.seconds:
                    say(stopped="time"); return
                if (bits, context, batch) in known:
                    continue
                kv = c["layers"] * 2 * batch * (context + 1) * c["kv_heads"] * (c["dim"] // c["heads"]) * 2
                per = c["layers"] * (2 * c["dim"] ** 2 + 2 * c["dim"] * c["kv_heads"] * c["dim"] // c["heads"] + 3 * c["dim"] * c["ffn"]) + 2 * c["vocab"] * c["dim"]
                if kv + per * (2 if bits == 16 else 0.6) > 0.9 * free:
                    say(shape=a.shape, bits=bits, batch=batch, context=context, fits=False, kv_GB=kv / 1e9); continue
                try:
                    m = Model(c, "cuda", bits, batch, context)
                    ids, pos = torch.zeros(batch, 1, dtype=torch.long, device="cuda"), torch.tensor([context], device="cuda")
                    if a.compile:
                        m.layer = torch.compile(m.layer, dynamic=False, mode="max-autotune-no-cudagraphs")
                    s = torch.cuda.Stream(); s.wait_stream(torch.cuda.current_stream())
                    with torch.cuda.stream(s):
                        for _ in range(3):
                            m.step(ids, pos)
                    torch.cuda.current_stream().wait_stream(s)
                    g = torch.cuda.CUDAGraph()
                    with torch.cuda.graph(g):
                        m.step(ids, pos)
                    ms = timed(g.replay)
                    say(shape=a.shape, bits=bits, batch=batch, context=context, compiled=a.compile, ms=ms, tokens_s=batch / ms * 1e3,
                        GB=(m.weight_bytes + m.kv_bytes) / 1e9, share=(m.weight_bytes + m.kv_bytes) / ms * 1e3 / read)
                    if batch == 1 and context == int(a.context.split(",")[0]):
                        for n in map(int, a.prefill.split(",")):
                            pid, pp = torch.zeros(1, n, dtype=torch.long, device="cuda"), torch.arange(n, device="cuda")
                            ms = timed(lambda: m.step(pid, pp, prefill=True))
                            say(shape=a.shape, bits=bits, prefill=n, compiled=a.compile, ms=ms, tokens_s=n / ms * 1e3, share_of_matrix_rate=2 * (per - c["vocab"] * c["dim"]) * n / ms * 1e3 / rate)
                    del g, m
                except Exception as e:  # one cell must not cost the others
                    say(shape=a.shape, bits=bits, batch=batch, context=context, failed=f"{type(e).__name__}: {str(e)[:160]}")
                torch.cuda.empty_cache()


main()
