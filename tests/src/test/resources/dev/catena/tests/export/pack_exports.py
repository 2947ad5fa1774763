"""The exports that ExportedModelTest compiles, made small: FOLDER is what export_models.py and optimize_exports.py wrote.

    pack_exports.py FOLDER

writes ARCHITECTURE.WAY.onnx.gz beside this script. Weights are rounded to eighths, which compresses well and is as good for a
judge that runs the same file; what exporters note for debugging (stack traces) is left out.
"""

import gzip
import pathlib
import sys

import numpy
import onnx
from onnx import numpy_helper

KEPT = ["llama/dynamo-sdpa-past", "llama/dynamo23-sdpa-past", "gemma3/script14-eager-past", "gpt2/ortext-script14-eager-past",
        "gpt2/ortopt-script17-sdpa-past", "falcon-old/dynamo-sdpa-past", "gpt-bigcode/dynamo-sdpa-past", "codegen/script14-eager-past",
        "nemotron/dynamo-sdpa-past", "olmo/script14-eager-past", "cohere/dynamo-sdpa-past", "falcon-new/dynamo-sdpa-past", "helium/dynamo-sdpa-past"]
LEAST = 64  # smaller constants are frequencies and norms


def main():
    for kept in KEPT:
        model = onnx.load(str(pathlib.Path(sys.argv[1]) / kept / "model.onnx"))
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            if values.dtype == numpy.float32 and values.ndim == 2 and values.size > LEAST:
                tensor.CopyFrom(numpy_helper.from_array(numpy.round(values * 8) / 8, tensor.name))
            del tensor.metadata_props[:]
            tensor.doc_string = ""
        for part in [model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, *model.functions]:
            del part.metadata_props[:]
            part.doc_string = ""
        name = kept.replace("/", ".") + ".onnx.gz"
        with open(pathlib.Path(__file__).parent / name, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, 0) as file:
            file.write(model.SerializeToString())


if __name__ == "__main__":
    main()
