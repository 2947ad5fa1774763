/* ${name}: y[r, n] = sum over k of x[r, k] W[n, k] (+ bias[n]) (+ residual[r, n]). W ${n} x ${k}, u${bits} codes in groups of ${group}${zeros_note}. A block of 16 rows: ${codes_together} codes in ${words_together} 32-bit words
   [K / ${codes_together}][${words_together}][16], ${scale_element} scales [GROUPS][16]${zeros_layout}. */
#define N ${n}
#define K ${k}
#define GROUP ${group}
#define GROUPS ((K + GROUP - 1) / GROUP)
#define CODES_TOGETHER ${codes_together}
#define WORDS_TOGETHER ${words_together}
#define WORDS ((K + CODES_TOGETHER - 1) / CODES_TOGETHER * WORDS_TOGETHER)
#define K_PADDED (WORDS / WORDS_TOGETHER * CODES_TOGETHER)
#define BLOCKS_BY_1 ${blocks_by_1} /* blocks side by side for one row of x */
#define BLOCKS_BY_2 ${blocks_by_2} /* for two rows that share the loaded words; 0: never */
#define BLOCKS_BY_4 ${blocks_by_4} /* for four */
#define BLOCKS_BY_6 ${blocks_by_6} /* for six */
#define MANY_ROWS ${many_rows} /* the most rows side by side */
#define LEAST_ROWS_AHEAD ${least_rows_ahead} /* fewer take a block's time no longer than memory does: its own prefetcher serves them best */
#define BYTES_AHEAD ${bytes_ahead} /* by which the words of a block that is read are asked for; 0: not at all */
#define BLOCKS ((N + 15) / 16)
#define BLOCK_BYTES ${block_bytes}ll
#define SCALE_BYTES (16ll * sizeof(${scale_type})) /* of a group in a block */

INLINE f32x16 ${name}_scale(const char *block, int32_t group) {
  return ${load_scale}((const ${scale_type} *)(block + WORDS * 64ll) + 16 * group);
}

INLINE f32x16 ${name}_zero(const char *block, int32_t group) {
  ${return_zero}
}

/* Codes k ... k + CODES_TOGETHER - 1 of each of a block's rows, as they are stored. */
typedef struct { u32x16 w[WORDS_TOGETHER]; } ${name}_words;

INLINE ${name}_words ${name}_load(const char *block, int32_t k) {
  ${name}_words words;
  UNROLL for (int i = 0; i < WORDS_TOGETHER; i++) words.w[i] = ((const u32x16 *)block)[k / CODES_TOGETHER * WORDS_TOGETHER + i];
  return words;
}

/* The four codes from the 4i-th of them on, a byte each. */
INLINE u32x16 ${name}_codes(${name}_words words, const int i) { return ${codes}; }

/* The i-th four codes from column k on: of a tile, where they are bytes already, or of a block's words. */
INLINE u32x16 ${name}_bytes(const int TILED, const char *codes, int32_t k, const int i) {
  return TILED ? ((const u32x16 *)codes)[k / 4 + i] : ${name}_codes(${name}_load(codes, k), i);
}

/* Scales and zeros lie apart from the codes: a thin stream that the CPU's prefetcher doesn't keep up with. */
INLINE void ${name}_prefetch_group(const char *block, int32_t group) {
  __builtin_prefetch(block + WORDS * 64ll + SCALE_BYTES * group);
  ${prefetch_zero}
}
