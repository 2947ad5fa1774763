/* Adds the products of columns begin ... end - 1 with B blocks. Without VNNI, products of nibbles and digits add up in 16 bits
   first: those of four words are at most 4 * 2 * 2 * 15 * 128 = 30720. */
INLINE void ${name}_segment(const int M, const int B, const char *blocks, const char *prepared, int32_t begin, int32_t end,
                            s32x16 sums[4][4][DIGITS]) {
  for (int32_t k = begin; k < end;) {
    s16x32 partial[4][4][DIGITS];
    UNROLL for (int m = 0; m < M; m++)
      UNROLL for (int b = 0; b < B; b++)
        UNROLL for (int d = 0; d < DIGITS; d++) partial[m][b][d] = (s16x32)(0);
    const int32_t stop = least(k + 4 * CODES_PER_WORD, end);
    for (; k < stop; k += CODES_PER_WORD)
      UNROLL for (int b = 0; b < B; b++) {
        const u32x16 word = ${name}_word(blocks + b * BLOCK_BYTES, k);
        const u32x16 low = word & 0x0F0F0F0Fu, high = (word >> 4) & 0x0F0F0F0Fu;
        UNROLL for (int m = 0; m < M; m++)
          UNROLL for (int d = 0; d < DIGITS; d++)
            partial[m][b][d] += multiply_bytes(low, ${name}_digits(prepared, m, d, k))
                              + multiply_bytes(high, ${name}_digits(prepared, m, d, k + 4));
      }
    UNROLL for (int m = 0; m < M; m++)
      UNROLL for (int b = 0; b < B; b++)
        UNROLL for (int d = 0; d < DIGITS; d++) sums[m][b][d] += multiply_shorts(partial[m][b][d], (s16x32)(1));
  }
}
