"""What becomes of exports: compiles each, and compares what it computes with torch's numbers.

    check_exports.py FOLDER [--only ARCHITECTURE,…] [--ways WAY,…] [--catena COMMAND] [--table FILE]

goes over FOLDER/ARCHITECTURE/WAY/model.onnx that export_models.py and optimize_exports.py wrote, prints a line for each, keeps
what held in FOLDER/ARCHITECTURE/WAY/held.json, and writes all that was kept so as the table of docs/whole-models.md (--table). What a line says:

    logits   a language model's stages, whose logits of a prompt of 12 and 3 steps are the judge's
    values   a graph that is no language model, whose values are the judge's, with a batch of which one is padded
    stages   the same as the first two, but the judge's numbers differ; the number is the largest difference over the largest logit
    refused  one line that says why
    failed   anything else: a graph of tensors where a language model was asked for, a stack trace

The judge is torch in float32 (reference.npz); where the file holds other numbers than torch had (float16, quantized), ONNX Runtime.
Needs numpy, onnxruntime.
"""

import argparse
import json
import pathlib
import re
import subprocess
import tempfile

import numpy

CLOSE = 1e-4
ENCODERS = ["bert", "distilbert", "xlm-roberta", "mpnet", "t5-encoder", "modernbert"]
OTHER_NUMBERS = re.compile(r"-f16|-bf16|^nbits4|^dynq")
PROMPT, STEPS = 12, 4


def judged_by_onnx_runtime(file, ids, mask):
    """The whole sequence at once, with an empty past."""
    import onnxruntime
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    given = {}
    for value in session.get_inputs():
        kind = {"float": numpy.float32, "float16": numpy.float16, "int64": numpy.int64, "int32": numpy.int32}[value.type[7:-1]]
        if len(value.shape) == 2:
            rows = {"input_ids": ids, "attention_mask": mask}.get(value.name, numpy.tile(numpy.arange(ids.shape[1]), (len(ids), 1)))
            given[value.name] = rows.astype(kind)
        else:
            axis = 3 if len(value.shape) == 5 else 2
            shape = [d if isinstance(d, int) else len(ids) for d in value.shape]
            shape[axis] = 0
            given[value.name] = numpy.zeros(shape, kind)
    return session.run([session.get_outputs()[0].name], given)[0].astype(numpy.float32)


def run(command, *arguments):
    result = subprocess.run(command + [str(a) for a in arguments], capture_output=True, text=True)
    lines = [line for line in result.stderr.strip().split("\n") if line]
    return result.returncode, lines


def difference(actual, expected):
    if actual.shape != expected.shape:
        return float("inf")
    return float(numpy.abs(actual.astype(numpy.float64) - expected).max() / numpy.abs(expected).max())


def decoder(command, model, artifact, reference, other, scratch):
    ids = reference["ids"]
    fed = ids[:, :PROMPT + STEPS - 1]
    judge = judged_by_onnx_runtime(model, fed, numpy.ones_like(fed)) if other else reference["logits"]
    worst = 0.0
    for part in [fed[0], fed[0][:PROMPT]]:  # at once, and a prompt followed by steps
        logits = scratch / "logits.npy"
        status, lines = run(command, "run", artifact, "--ids", ",".join(map(str, part)), "--max-tokens", 1 if len(part) > PROMPT else STEPS,
                            "--print-ids", "--logits-out", logits)
        if status != 0:
            return "failed", " ".join(lines)
        got = numpy.load(logits)
        worst = max(worst, difference(got[:PROMPT + STEPS - 1], judge[0][:len(got)]) if len(part) > PROMPT or other is False
                    else difference(got[:PROMPT], judge[0][:PROMPT]))
    return ("logits" if worst < CLOSE else "stages"), f"{worst:.1e}"


def encoder(command, model, artifact, reference, other, scratch):
    ids, mask = reference["batch_ids"], reference["batch_mask"]
    judge = judged_by_onnx_runtime(model, ids, mask) if other else reference["batch_logits"]
    import onnx
    graph = onnx.load(str(model), load_external_data=False).graph
    given = []
    for value in graph.input:
        kind = numpy.int32 if value.type.tensor_type.elem_type == 6 else numpy.int64
        numpy.save(scratch / f"{value.name}.npy", (mask if "mask" in value.name else ids if "ids" in value.name and "type" not in value.name
                                                   else numpy.zeros_like(ids)).astype(kind))
        given += ["--input", f"{value.name}={scratch / value.name}.npy"]
    status, lines = run(command, "exec", artifact, *given, "--output-dir", scratch)
    if status != 0:
        return "failed", " ".join(lines)
    worst = difference(numpy.load(scratch / f"{graph.output[0].name}.npy").astype(numpy.float32), judge)
    return ("values" if worst < CLOSE else "stages"), f"{worst:.1e}"


def held(command, folder):
    """What held, and a number or a reason."""
    model = folder / "model.onnx"
    if not model.exists():
        return "none", (folder / "refused.txt").read_text().strip().split("\n")[-1][:160] if (folder / "refused.txt").exists() else ""
    is_encoder = folder.parent.name in ENCODERS
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        artifact = scratch / "model.catena"
        status, lines = run(command, "compile", model, "-o", artifact, "--wbits", 32, "--activations", "f32", "--max-seq-len", 64)
        if status != 0:
            return ("refused" if status == 2 and len(lines) == 1 else "failed"), " / ".join(lines)[-400:]
        if not is_encoder and any("graph of tensors" in line or "decoder_" in line for line in lines):
            return "failed", " / ".join(lines)[-400:]
        reference = numpy.load(folder / "reference.npz")
        return (encoder if is_encoder else decoder)(command, model, artifact, reference, bool(OTHER_NUMBERS.search(folder.name)), scratch)


def table(folder):
    """One row for each architecture, one column for each way that most have; the others as a list below."""
    kept = {(f.parent.parent.name, f.parent.name): json.loads(f.read_text()) for f in sorted(folder.glob("*/*/held.json"))}
    ways = sorted({way for _, way in kept}, key=lambda w: (-sum(1 for _, other in kept if other == w), w))[:6]
    lines = ["| model | " + " | ".join(f"`{w}`" for w in ways) + " | others |", "| --- |" + " --- |" * (len(ways) + 1)]
    for architecture in sorted({a for a, _ in kept}):
        cells = [kept[architecture, w][0] if (architecture, w) in kept else "" for w in ways]
        others = [f"`{w}` {r[0]}" for (a, w), r in kept.items() if a == architecture and w not in ways and r[0] != "none"]
        lines.append(f"| {architecture} | " + " | ".join(cells) + " | " + ", ".join(others) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only")
    parser.add_argument("--ways")
    parser.add_argument("--catena", default="catena")
    parser.add_argument("--keep", type=pathlib.Path, help="where held.json is kept, if not beside the exports")
    parser.add_argument("--table", type=pathlib.Path)
    settings = parser.parse_args()
    keep = settings.keep or settings.folder
    for folder in sorted(settings.folder.glob("*/*")):
        wanted = (not settings.only or folder.parent.name in settings.only.split(",")) and (not settings.ways or folder.name in settings.ways.split(","))
        if wanted and folder.is_dir():
            result = held([settings.catena], folder)
            print(folder.parent.name, folder.name, *result, flush=True)
            place = keep / folder.parent.name / folder.name
            place.mkdir(parents=True, exist_ok=True)
            (place / "held.json").write_text(json.dumps(result))
    if settings.table:
        settings.table.write_text(table(keep))


if __name__ == "__main__":
    main()
