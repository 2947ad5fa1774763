package dev.catena.ir;

/** The type of a value: a tensor, a quantized matrix, the sequences of a step, or a KV cache. */
public sealed interface Type permits TensorType, QuantType, SeqsType, KvType {
  /** The text form, as the printer writes it. */
  String text();
}
