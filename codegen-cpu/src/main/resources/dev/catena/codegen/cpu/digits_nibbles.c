/* Adds the products of columns begin ... end - 1 with B blocks. Without VNNI, products of nibbles and digits add up in 16 bits
   first: those of 32 columns are at most 8 * 2 * 15 * 128 = 30720. */
INLINE void ${name}_segment(const int M, const int B, const int TILED, const char *codes, const char *prepared,
                            int32_t begin, int32_t end, s32x16 sums[MANY_ROWS][4][DIGITS]) {
  for (int32_t k = begin; k < end;) {
    s16x32 partial[MANY_ROWS][4][DIGITS];
    UNROLL for (int m = 0; m < M; m++)
      UNROLL for (int b = 0; b < B; b++)
        UNROLL for (int d = 0; d < DIGITS; d++) partial[m][b][d] = (s16x32)(0);
    const int32_t stop = least(k + 32, end);
    for (; k < stop; k += CODES_TOGETHER)
      UNROLL for (int b = 0; b < B; b++)
        UNROLL for (int i = 0; i < CODES_TOGETHER / 4; i++) {
          const u32x16 four = ${name}_bytes(TILED, codes + b * BLOCK_BYTES, k, i);
          UNROLL for (int m = 0; m < M; m++)
            UNROLL for (int d = 0; d < DIGITS; d++)
              partial[m][b][d] += multiply_bytes(four, ${name}_digits(prepared, m, d, k + 4 * i));
        }
    UNROLL for (int m = 0; m < M; m++)
      UNROLL for (int b = 0; b < B; b++)
        UNROLL for (int d = 0; d < DIGITS; d++) sums[m][b][d] += multiply_shorts(partial[m][b][d], (s16x32)(1));
  }
}
