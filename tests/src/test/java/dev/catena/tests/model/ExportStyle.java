package dev.catena.tests.model;

import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

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
 * @param forms        departures from that exporter
 */
public record ExportStyle(OnnxElement element, PieceNames names, int opset, boolean dynamicBatch, boolean external,
    boolean qkvBias, boolean gatherElements, boolean numberedNames, Set<Form> forms) {
  /** The exporter of the fixtures, in fp32. */
  public static final ExportStyle F32 =
      new ExportStyle(OnnxElement.F32, PieceNames.LLAMA_ONNX, 14, false, false, false, false, false, Set.of());
  public static final ExportStyle F16 = F32.in(OnnxElement.F16);

  public ExportStyle in(OnnxElement other) {
    return new ExportStyle(other, names, opset, dynamicBatch, external, qkvBias, gatherElements, numberedNames, forms);
  }

  public ExportStyle named(PieceNames other) {
    return new ExportStyle(element, other, opset, dynamicBatch, external, qkvBias, gatherElements, true, forms);
  }

  public ExportStyle withOpset(int other) {
    return new ExportStyle(element, names, other, dynamicBatch, external, qkvBias, gatherElements, numberedNames, forms);
  }

  public ExportStyle withDynamicBatch() {
    return new ExportStyle(element, names, opset, true, external, qkvBias, gatherElements, numberedNames, forms);
  }

  public ExportStyle withExternalData() {
    return new ExportStyle(element, names, opset, dynamicBatch, true, qkvBias, gatherElements, numberedNames, forms);
  }

  public ExportStyle withQkvBias() {
    return new ExportStyle(element, names, opset, dynamicBatch, external, true, gatherElements, numberedNames, forms);
  }

  public ExportStyle withGatherElements() {
    return new ExportStyle(element, names, opset, dynamicBatch, external, qkvBias, true, numberedNames, forms);
  }

  public ExportStyle with(Form... some) {
    EnumSet<Form> all = EnumSet.noneOf(Form.class);
    all.addAll(forms);
    all.addAll(Arrays.asList(some));
    return new ExportStyle(element, names, opset, dynamicBatch, external, qkvBias, gatherElements, numberedNames, all);
  }

  public boolean has(Form... some) {
    return !Collections.disjoint(forms, List.of(some));
  }

  boolean computesMask() {
    return has(Form.MASK_BY_TRILU, Form.MASK_BY_RANGE, Form.MASK_BY_SCATTER, Form.MASK_FROM_INTEGERS, Form.MASK_ON_SCORES);
  }
}
