"""Writes what `catena eval --json` measured as the tables of docs/quantization.md, and between that page's markers where it is named.

    python3 table.py SCORES.json TABLE.md [docs/quantization.md]
"""
import json
import pathlib
import sys

BEGIN, END = "<!-- measured: written by tests/bench/quantization/run.sh -->", "<!-- end of what was measured -->"


def name(artifact):
    return pathlib.Path(artifact["file"]).name.removesuffix(".catena")


def line(cells):
    return "| " + " | ".join(cells) + " |"


def scores(artifacts):
    yield line(["artifact", "perplexity", "Δ %", "KL", "top-1 %", "weights MiB", "peak MiB", "prefill t/s", "decode t/s"])
    yield line(["---"] * 9)
    for a in artifacts:
        compared = "kl_divergence" in a
        yield line([
            name(a).replace("-", " ").replace("w", "W", 1), f"{a['perplexity']:.4f}",
            f"{a['perplexity_change_percent']:+.2f}".replace("-", "−") if compared else "",
            f"{a['kl_divergence']:.5f}" if compared else "", f"{100 * a['top1_agreement']:.2f}" if compared else "",
            f"{a['weights_bytes'] / 2**20:.2f}", f"{a['peak_memory_bytes'] / 2**20:.2f}",
            f"{a['prefill_tokens_per_s']:.0f}", f"{a['decode_tokens_per_s']:.0f}"])


def shares(artifacts):
    """How much of the loss of plain ranges each method leaves, in perplexity and in KL."""
    by_name = {name(a): a for a in artifacts}
    methods = {"search": "search", "awq": "awq", "gptq": "gptq", "gptq-self": "gptq on what the model wrote itself"}
    yield line(["", *methods.values()])
    yield line(["---"] * (1 + len(methods)))
    for bits in (4, 3, 2):
        for group in (128, 32):
            plain = by_name.get(f"w{bits}-g{group}-range")
            if plain is None:
                continue
            cells = [f"W{bits} g{group}"]
            for method in methods:
                a = by_name.get(f"w{bits}-g{group}-{method}")
                cells.append("" if a is None else ", ".join(
                    f"{100 * a[key] / plain[key]:.0f} %" for key in ("perplexity_change_percent", "kl_divergence")))
            yield line(cells)


def main():
    measured = json.loads(pathlib.Path(sys.argv[1]).read_text())
    artifacts = measured.get("artifacts", [measured])
    text = "\n".join([*scores(artifacts), "", "Share of plain rounding's loss (`--scales range`) that is left, in perplexity and in KL:", "",
                      *shares(artifacts)]) + "\n"
    pathlib.Path(sys.argv[2]).write_text(text)
    if len(sys.argv) > 3:
        page = pathlib.Path(sys.argv[3])
        head, rest = page.read_text().split(BEGIN)
        page.write_text(head + BEGIN + "\n" + text + END + rest.split(END)[1])


main()
