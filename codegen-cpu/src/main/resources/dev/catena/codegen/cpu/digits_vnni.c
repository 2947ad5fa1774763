INLINE s32x16 ${name}_dot4(s32x16 sums, u32x16 codes, u32x16 digits) {
  return (s32x16)__builtin_ia32_vpdpbusd512(sums, (s32x16)codes, (s32x16)digits);
}

/* Adds the products of columns begin ... end - 1 with B blocks. */
INLINE void ${name}_segment(const int M, const int B, const char *blocks, const char *prepared, int32_t begin, int32_t end,
                            s32x16 sums[4][4][DIGITS]) {
  for (int32_t k = begin; k < end; k += CODES_PER_WORD)
    UNROLL for (int b = 0; b < B; b++) {
      const u32x16 word = ${name}_word(blocks + b * BLOCK_BYTES, k);
      UNROLL for (int m = 0; m < M; m++)
        UNROLL for (int d = 0; d < DIGITS; d++) {
          if (CODES_PER_WORD == 8) {
            sums[m][b][d] = ${name}_dot4(sums[m][b][d], word & 0x0F0F0F0Fu, ${name}_digits(prepared, m, d, k));
            sums[m][b][d] = ${name}_dot4(sums[m][b][d], (word >> 4) & 0x0F0F0F0Fu, ${name}_digits(prepared, m, d, k + 4));
          } else {
            sums[m][b][d] = ${name}_dot4(sums[m][b][d], word, ${name}_digits(prepared, m, d, k));
          }
        }
    }
}
