package dev.catena.tests.model;

/** A way in which an exporter departs from torch 1.13's: of equal meaning, in other operations. */
public enum Form {
  // RMSNorm
  MEAN_OF_PRODUCT, ROOT_AS_POWER, ROOT_RECIPROCAL, ROOT_DIVIDES, NORM_SCALE_RIGHT, NORM_SCALE_FIRST, NORM_WITHOUT_CASTS,
  NORM_OPERATOR, NORM_OF_ONNXRUNTIME,
  // rotary positions
  TABLE_UNCUT, TABLE_BY_PAST, ANGLES_BY_MATMUL, ANGLES_BY_MUL, ANGLES_BY_EINSUM, HALVES_BY_SPLIT, NEGATED_BY_MUL, ROTATED_APART,
  ROTATED_BEFORE_TRANSPOSE,
  // attention
  SCALE_BY_MUL, SCALE_ON_QUERY, SCALE_ON_ROWS, SCALE_ON_BOTH, SOFTMAX_IN_F32, SOFTMAX_PLAIN, REPEAT_BY_TILE, REPEAT_BY_CONCAT,
  REPEAT_BY_GATHER,
  // the mask, where it is computed in the decoder
  /** Rows with everything masked become zeros. */
  SOFTMAX_GUARDED,
  /** Batch and heads are one axis, as torch.bmm wants them. */
  ATTENTION_IN_3D,
  /** The cache holds keys as [batch, heads, dim, past]. */
  KEYS_TURNED,
  MASK_BY_TRILU, MASK_BY_RANGE, MASK_BY_SCATTER, MASK_FROM_INTEGERS, MASK_ON_SCORES, MASK_CUT,
  /** The mask that is given is of booleans. */
  MASK_OF_BOOLEANS,
  /** Exported without a cache: no past, each sequence from its start. */
  NO_CACHE,
  // projections
  GEMM, GEMM_TRANSPOSED, WEIGHT_TRANSPOSED, QKV_SPLIT, QKV_SLICED, QKV_STACKED, QKV_STACKED_SPLIT, QKV_INTERLEAVED, ROWS_SQUEEZED, GATE_UP_SPLIT, SILU_REGROUPED, SILU_QUOTIENT,
  // matrices that came quantized
  INT8_TENSOR, INT8_CHANNEL, UINT8_CHANNEL, INT4_BLOCK, UINT4_BLOCK,
  /** What onnxruntime.quantization.quantize_dynamic makes of a MatMul. */
  DYNAMIC_INT8, DYNAMIC_UINT8_CHANNEL,
  // the whole graph
  SHAPES_FOLDED, NO_OPERATIONS,
  /** Initializers are stored in bf16, and cast where they are used. */
  WEIGHTS_IN_BF16,
  /** What no rule knows: a Tanh on the values. */
  STRANGE;

  /** Whether only a layer with as many KV heads as heads can be written so. */
  public boolean needsEqualHeads() {
    return this == QKV_STACKED || this == QKV_STACKED_SPLIT || this == QKV_INTERLEAVED;
  }
}
