"""Writes what `catena inspect --kernels --json` predicts as the tables of docs/gpu-performance.md, and between that page's markers where it is named.

    python3 tables.py OUT_DIR [docs/gpu-performance.md]

OUT_DIR has NAME.CONTEXT.json as run.sh beside this file makes them. Cards take the code of their own architecture. What isn't there is left blank.
"""
import json
import pathlib
import re
import sys

BEGIN, END = "<!-- predicted: written by tests/bench/gpu/run.sh -->", "<!-- end of what was predicted -->"
CARDS = {"T4": "sm_75", "A100-40GB": "sm_80", "A100-80GB": "sm_80", "RTX 3090": "sm_86", "RTX 4090": "sm_89", "L4": "sm_89", "H100": "sm_90", "H200": "sm_90"}
AIMS = {"T4": 85, "A100-40GB": 80, "A100-80GB": 80, "RTX 3090": 85, "RTX 4090": 85, "L4": 85, "H100": 70, "H200": 70}
WITH_OVERLAP = 80
SHAPES = {"llama-7b": "Llama-7B", "llama-3-8b": "Llama-3-8B"}
BITS = {"w4": "W4", "w8": "W8", "w16": "f16"}
CONTEXTS = (128, 4096)
PROMPT = 2048
WGMMA_TO_MMA = 0.62  # Card.HOPPER_MMA_SHARE
NOTE = "Predicted by the simulator's model; confirmed by nothing: no card has run any of it."


def read(folder):
    """(shape, bits, target, how, context, card) to that card's JSON."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        match = re.fullmatch(r"(.+)-(w\d+)-(sm_\d+a?)(-experimental)?(-h200)?(-many)?\.(\d+)\.json", file.name)
        if not match:
            continue
        shape, bits, target, *how, context = match.groups()
        for of_target in json.loads(file.read_text())["predictions"]:
            for card in of_target.get("cards", []):
                found[shape, bits, target, "".join(h or "" for h in how), int(context), card["card"]] = card
    return found


def step(card, rows):
    return next((s for s in (card or {}).get("steps", []) if s["step"] == f"decode {rows}"), None)


def line(cells):
    return "| " + " | ".join(cells) + " |"


def head(cells):
    yield line(cells)
    yield line(["---"] * len(cells))


def percent(share, aim=0):
    text = f"{100 * share:.0f} %"
    return f"**{text}**" if round(100 * share) < aim else text


def whole_steps(found):
    cards = [c for c in CARDS if any(key[5] == c for key in found)]
    for context in CONTEXTS:
        yield f"Context {context}: share of the card's read bandwidth that weights and cache take, and tokens a second. {NOTE}\n"
        yield from head(["weights, sequences", *cards])
        yield line(["aim, W4, 1 sequence", *(f"{AIMS[c]} %" for c in cards)])
        for shape in SHAPES:
            for bits in BITS:
                for rows in (1, 4, 16):
                    cells = []
                    for card in cards:
                        of = step(found.get((shape, bits, CARDS[card], "", context, card)), rows)
                        aim = AIMS[card] if bits == "w4" and rows == 1 else 0
                        cells.append(f"{percent(of['predicted_share_of_bandwidth'], aim)}, {of['predicted_tokens_per_s']:.0f}" if of else "")
                    if any(cells):
                        yield line([f"{SHAPES[shape]} {BITS[bits]}, {rows}", *cells])
        yield ""


def hopper(found):
    yield f"What takes a step's time, W4, one sequence, context 128, microseconds. {NOTE} *Ceiling*: the share if nothing took time but the bytes and the start of each launch (boundary and ramp).\n"
    yield from head(["model, card, compiled", "step", "bytes", "launches", "their start", "share", "ceiling", "overlapping: with the boundary", "without it"])
    for shape in SHAPES:
        for card in ("H100", "H200"):
            for how, said in (("", "as usual"), ("-h200", "`--tuned-for H200`"), ("-experimental", "`--experimental`")):
                of_card = found.get((shape, "w4", "sm_90", how, 128, card))
                of = step(of_card, 1)
                if not of or how == "-h200" and card != "H200":
                    continue
                seconds = of["rows"] / of["predicted_tokens_per_s"]
                share = of["predicted_share_of_bandwidth"]
                least = share * seconds
                start = sum(l["times"] * l["needs_s"]["start"] for l in of["launches"])
                overlapping = [percent(least * tokens / of["rows"], WITH_OVERLAP) for tokens in of.get("predicted_tokens_per_s_overlapping", [])] or ["", ""]
                yield line([f"{SHAPES[shape]}, {card}, {said}", f"{seconds * 1e6:.0f}", f"{least * 1e6:.0f}", str(sum(l["times"] for l in of["launches"])),
                            f"{start * 1e6:.0f}", percent(share, AIMS[card]), percent(least / (least + start)), *overlapping])
    yield ""


def kernels(found):
    yield f"A layer's kernels, W4, one sequence, context 128: microseconds less boundary and ramp, what limits them, and their bytes at the card's read bandwidth. {NOTE}\n"
    ways = [(card, how, said) for card in ("H100", "H200") for how, said in (("", "usual"), ("-h200", "for H200"), ("-experimental", "bulk"))
            if (how != "-h200" or card == "H200") and any(key[3] == how and key[5] == card for key in found)]
    yield from head(["kernel", *(f"{card}, {said}" for card, _, said in ways), "bytes, H100", "H200"])
    for shape in SHAPES:
        ofs = [step(found.get((shape, "w4", "sm_90", how, 128, card)), 1) for card, how, _ in ways]
        if not all(ofs):
            continue
        for launches in zip(*([l for l in of["launches"] if l["times"] > 1] for of in ofs)):
            cells = [f"{1e6 * (l['predicted_s'] - l['needs_s']['start']):.1f} {max((n for n in l['needs_s'] if n != 'start'), key=l['needs_s'].get)}" for l in launches]
            least = [f"{1e6 * launches[0]['memory_bytes'] / found[shape, 'w4', 'sm_90', '', 128, card]['read_bytes_per_s']:.1f}" for card in ("H100", "H200")]
            yield line([f"{SHAPES[shape]} " + re.sub(r"_tokens\d.*", "", launches[0]["kernel"]), *cells, *least])
    yield ""


def against_f16(found):
    yield f"How many times as fast a step of W4 is as one of f16 weights, Llama-7B, context 128. {NOTE}\n"
    batches = (1, 4, 16, 32, 64, 128)
    yield from head(["card", *(f"{rows}" for rows in batches)])
    for card, target in CARDS.items():
        cells = []
        for rows in batches:
            pair = [next(filter(None, (step(found.get(("llama-7b", bits, target, how, 128, card)), rows) for how in ("", "-many"))), None) for bits in ("w4", "w16")]
            cells.append(f"{pair[0]['predicted_tokens_per_s'] / pair[1]['predicted_tokens_per_s']:.2f}" if all(pair) else "")
        if any(cells):
            yield line([card, *cells])
    yield ""


def prompts(found):
    yield (f"Linear layers of a prompt's {PROMPT} rows, Llama-7B: the share of the tensor cores' peak (f16 with f32 sums) that their products take, each "
           f"counted once. {NOTE} x is one half an element, as by default. Making halves counts, with the norm or SwiGLU on its way.\n")
    yield from head(["card", "W4", "f16", "W4 by wgmma", "f16 by wgmma"])
    for card, target in CARDS.items():
        cells = []
        for bits, of_target, how in (("w4", target, "-many"), ("w16", target, "-many"), ("w4", target + "a", "-experimental-many"), ("w16", target + "a", "-experimental-many")):
            of_card = found.get(("llama-7b", bits, of_target, how, 128, card))
            of = step(of_card, PROMPT)
            if not of:
                cells.append("")
                continue
            constants = of_card["constants"]
            peak = constants["matrix_multiply_adds_per_clock"] * constants["multiprocessors"] * constants["clock_hz"] / (WGMMA_TO_MMA if target == "sm_90" else 1)
            products = [(l["times"] * l["predicted_s"], [int(n) for n in re.search(r"_(\d+)x(\d+)", l["kernel"]).groups()], l["times"])
                        for l in of["launches"] if re.search(r"linear_w\d+.*_\d+x\d+.*_(tile|warpgroup)", l["kernel"]) and l["times"] > 1]
            conversions = sum(l["times"] * l["predicted_s"] for l in of["launches"] if re.search("_to_(half|tiles)_", l["kernel"]) and l["times"] > 1)
            useful = sum(times * n * k * PROMPT for _, (n, k), times in products)
            cells.append(percent(useful / (conversions + sum(s for s, _, _ in products)) / peak) if products else "")
        if any(cells):
            yield line([card, *cells])
    yield ""


def main(folder, page=None):
    found = read(pathlib.Path(folder))
    if not found:
        sys.exit(f"{folder} has no predictions")
    text = "\n".join(text for part in (whole_steps, hopper, kernels, against_f16, prompts) for text in part(found))
    if page is None:
        print(text)
        return
    page = pathlib.Path(page)
    before, rest = page.read_text().split(BEGIN)
    page.write_text(before + BEGIN + "\n" + text.rstrip() + "\n" + END + rest.split(END)[1])


main(*sys.argv[1:])
