/* Adds the products of columns begin ... end - 1 with B blocks. Without VNNI, products of nibbles and digits add up in 16 bits
   first: those of 32 columns are at most 8 * 2 * 15 * 128 = 30720. A block's sums of 16 bits stay in registers until they have
   left for those of 32, and only then comes the next block. In loops that are unrolled further clang makes trees of the sums, which
   don't fit the registers. */
INLINE void ${name}_segment(const int M, const int B, const int TILED, const char *codes, const char *prepared,
                            int32_t begin, int32_t end, s32x16 sums[MANY_ROWS][4][DIGITS]) {
  for (int32_t from = begin; from < end; from += 32) {
    const int32_t stop = least(from + 32, end);
    UNROLL for (int b = 0; b < B; b++) {
      const char *block = codes + b * BLOCK_BYTES;
      if (BYTES_AHEAD > 0 && !TILED)
        for (int32_t k = from; k < stop; k += CODES_TOGETHER)
          UNROLL for (int i = 0; i < WORDS_TOGETHER; i++)
            __builtin_prefetch(block + (k / CODES_TOGETHER * WORDS_TOGETHER + i) * 64ll + BYTES_AHEAD);
      s16x32 partial[MANY_ROWS][DIGITS];
      UNROLL for (int m = 0; m < M; m++)
        UNROLL for (int d = 0; d < DIGITS; d++) partial[m][d] = (s16x32)(0);
      _Pragma("clang loop unroll(disable)")
      for (int32_t k = from; k < stop; k += TILED ? 8 : CODES_TOGETHER)
        UNROLL for (int i = 0; i < (TILED ? 8 : CODES_TOGETHER) / 4; i++) {
          const u32x16 four = ${name}_bytes(TILED, block, k, i);
          UNROLL for (int m = 0; m < M; m++)
            UNROLL for (int d = 0; d < DIGITS; d++)
              partial[m][d] += multiply_bytes(four, ${name}_digits(prepared, m, d, k + 4 * i));
        }
      UNROLL for (int m = 0; m < M; m++)
        UNROLL for (int d = 0; d < DIGITS; d++) sums[m][b][d] += multiply_shorts(partial[m][d], (s16x32)(1));
    }
  }
}
