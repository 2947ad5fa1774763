package dev.catena.tests.model;

/**
 * How an exporter writes the same network.
 *
 * @param element       of weights and activations; norms and softmax are in f32
 * @param names         of files and tensors
 * @param opset         14 to 17 as torch 1.13 writes them; from 18 on ReduceMean takes its axes as an input
 * @param dynamicBatch  the batch is a symbol instead of 1
 * @param external      weights in one data file beside the pieces
 * @param qkvBias       Q, K and V add a bias
 * @param gatherElements positions pick table rows by GatherElements over tiled indices, scores are clamped by Max
 *                      (early 2023), instead of by Gather
 * @param numberedNames intermediate tensors are called 117 rather than /rope/Mul_output_0
 */
public record ExportStyle(OnnxElement element, PieceNames names, int opset, boolean dynamicBatch, boolean external,
    boolean qkvBias, boolean gatherElements, boolean numberedNames) {
  /** The exporter of the fixtures, in fp32. */
  public static final ExportStyle F32 =
      new ExportStyle(OnnxElement.F32, PieceNames.LLAMA_ONNX, 14, false, false, false, false, false);
  public static final ExportStyle F16 = F32.in(OnnxElement.F16);

  public ExportStyle in(OnnxElement other) {
    return new ExportStyle(other, names, opset, dynamicBatch, external, qkvBias, gatherElements, numberedNames);
  }

  public ExportStyle named(PieceNames other) {
    return new ExportStyle(element, other, opset, dynamicBatch, external, qkvBias, gatherElements, true);
  }

  public ExportStyle withOpset(int other) {
    return new ExportStyle(element, names, other, dynamicBatch, external, qkvBias, gatherElements, numberedNames);
  }

  public ExportStyle withDynamicBatch() {
    return new ExportStyle(element, names, opset, true, external, qkvBias, gatherElements, numberedNames);
  }

  public ExportStyle withExternalData() {
    return new ExportStyle(element, names, opset, dynamicBatch, true, qkvBias, gatherElements, numberedNames);
  }

  public ExportStyle withQkvBias() {
    return new ExportStyle(element, names, opset, dynamicBatch, external, true, gatherElements, numberedNames);
  }

  public ExportStyle withGatherElements() {
    return new ExportStyle(element, names, opset, dynamicBatch, external, qkvBias, true, numberedNames);
  }
}
