"""What ONNX Runtime's tools make of exports.

    optimize_exports.py FOLDER

goes over FOLDER/ARCHITECTURE/WAY/model.onnx that export_models.py wrote and writes beside each WAY, with the same reference.npz:
ortopt-WAY (onnxruntime.transformers.optimizer), ortopt-WAY-f16 (and float16), ortext-WAY (what a session saves at the extended
level), nbits4-WAY (MatMulNBits), dynq-WAY (quantize_dynamic). What a tool refuses is said in refused.txt.
"""

import pathlib
import shutil
import sys
import traceback

import onnx
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.transformers import optimizer

FOLDER = pathlib.Path(sys.argv[1])
HEADS, HIDDEN = 4, 48
ENCODERS = ["bert", "distilbert", "xlm-roberta", "mpnet"]
DECODERS = ["gpt2", "llama", "qwen2", "phi3"]
WAYS = ["script14-eager-past", "script17-sdpa-past", "dynamo-sdpa-past", "script17-eager-none", "script14-sdpa-none", "dynamo-eager-none"]


def optimized(source, target, kind, half):
    model = optimizer.optimize_model(source, model_type=kind, num_heads=HEADS, hidden_size=HIDDEN, opt_level=0)
    if half:
        model.convert_float_to_float16(keep_io_types=False)
    model.save_model_to_file(target)


def extended(source, target):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = target
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def four_bits(source, target):
    quantizer = MatMulNBitsQuantizer(onnx.load(source), block_size=16, is_symmetric=False)
    quantizer.process()
    quantizer.model.save_model_to_file(target)


def main():
    for architecture in ENCODERS + DECODERS:
        kind = "bert" if architecture in ENCODERS else "gpt2"
        tools = {
            "ortopt-%s": lambda s, t: optimized(s, t, kind, False),
            "ortopt-%s-f16": lambda s, t: optimized(s, t, kind, True),
            "ortext-%s": extended,
            "nbits4-%s": four_bits,
            "dynq-%s": lambda s, t: quantize_dynamic(s, t, weight_type=QuantType.QInt8),
        }
        for way in WAYS:
            source = FOLDER / architecture / way
            for name, tool in tools.items():
                target = FOLDER / architecture / (name % way)
                if not (source / "model.onnx").exists() or target.exists():
                    continue
                target.mkdir()
                try:
                    tool(str(source / "model.onnx"), str(target / "model.onnx"))
                    shutil.copy(source / "reference.npz", target)
                except Exception:
                    (target / "refused.txt").write_text(traceback.format_exc())


if __name__ == "__main__":
    main()
