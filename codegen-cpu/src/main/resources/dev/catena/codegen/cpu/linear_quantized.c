/* ${name}: y[r, n] = sum over k of x[r, k] W[n, k] (+ bias[n]) (+ residual[r, n]). W ${n} x ${k}, u${bits} codes in groups of ${group}${zeros_note}. A block of 16 rows: 32-bit words of ${codes_per_word} codes
   [K / ${codes_per_word}][16], f16 scales [GROUPS][16]${zeros_layout}. */
#define N ${n}
#define K ${k}
#define GROUP ${group}
#define GROUPS ((K + GROUP - 1) / GROUP)
#define CODES_PER_WORD ${codes_per_word}
#define WORDS ((K + CODES_PER_WORD - 1) / CODES_PER_WORD)
#define K_PADDED (WORDS * CODES_PER_WORD)
#define BLOCKS_BY_1 ${blocks_by_1} /* blocks side by side for one row of x */
#define BLOCKS_BY_2 ${blocks_by_2} /* for two rows that share the loaded words; 0: never */
#define BLOCKS_BY_4 ${blocks_by_4} /* for four */
#define BLOCKS ((N + 15) / 16)
#define BLOCK_BYTES ${block_bytes}ll

INLINE f32x16 ${name}_scale(const char *block, int32_t group) {
  return load16_f16((const _Float16 *)(block + WORDS * 64ll) + 16 * group);
}

INLINE f32x16 ${name}_zero(const char *block, int32_t group) {
  ${return_zero}
}

/* The word of codes k ... k + CODES_PER_WORD - 1 of each of a block's rows. */
INLINE u32x16 ${name}_word(const char *block, int32_t k) { return ((const u32x16 *)block)[k / CODES_PER_WORD]; }

/* Scales and zeros lie apart from the codes: a thin stream that the CPU's prefetcher doesn't keep up with. */
INLINE void ${name}_prefetch_group(const char *block, int32_t group) {
  __builtin_prefetch(block + WORDS * 64ll + 32 * group);
  ${prefetch_zero}
}
