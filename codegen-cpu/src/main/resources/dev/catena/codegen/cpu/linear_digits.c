/* [DIGITS] times DIGIT_STRIDE bytes, most significant first, then a scale for each segment, then x's sum over each group. */
static void ${name}_prepare(const float *x, char *prepared) {
  float *scales = (float *)(prepared + DIGITS * DIGIT_STRIDE), *sums = scales + GROUPS * SEGMENTS_IN_GROUP;
  for (int32_t group = 0; group < GROUPS; group++) {
    const int32_t group_end = least((group + 1) * GROUP, K);
    float group_sum = 0;
    for (int32_t j = 0; j < SEGMENTS_IN_GROUP; j++) {
      const int32_t begin = group * GROUP + j * SEGMENT, end = least(begin + SEGMENT, group_end);
      s32x16 magnitudes = (s32x16)(0); /* their bits, which as whole numbers stand in the same order: what isn't finite is above all */
      for (int32_t k = begin; k < end; k += 16)
        magnitudes = __builtin_elementwise_max(magnitudes, (s32x16)load_first(x + k, least(16, end - k)) & 0x7FFFFFFF);
      const int32_t bits = __builtin_reduce_max(magnitudes);
      const int finite = bits < 0x7F800000;
      float magnitude;
      __builtin_memcpy(&magnitude, &bits, 4);
      const float to_whole = finite && magnitude > 1e-30f ? LARGEST / magnitude : 0;
      const float scale = finite ? magnitude * (1 / LARGEST) : __builtin_nanf(""); /* it must reach y */
      s32x16 whole_sum = (s32x16)(0);
      for (int32_t k = begin; k < end; k += 16) {
        const f32x16 v = load_first(x + k, least(16, end - k));
        const s32x16 whole = nearest_whole(v * to_whole);
        whole_sum += whole;
        /* Lanes beyond the segment are 0, and are either padding or overwritten by the next segment. */
        ${name}_store_digits(prepared, k, whole);
      }
      scales[group * SEGMENTS_IN_GROUP + j] = scale;
      group_sum += scale * (float)__builtin_reduce_add(whole_sum);
    }
    sums[group] = group_sum;
  }
}

/* Adds to y the products of groups first ... end - 1 of M rows with B blocks, group by group: the order is the same however the
   groups are cut. Codes lie in the blocks, or TILED as bytes elsewhere (of one block). Meanwhile `ahead` is asked for. */
INLINE void ${name}_dot(const int M, const int B, const int TILED, const char *blocks, const char *codes, const char *prepared,
                        int32_t first, int32_t end, ${name}_ahead ahead, f32x16 y[MANY_ROWS][4]) {
  for (int32_t group = first; group < end; group++) {
    f32x16 group_sums[MANY_ROWS][4];
    UNROLL for (int m = 0; m < M; m++)
      UNROLL for (int b = 0; b < B; b++) group_sums[m][b] = splat(0);
    const char *next = ahead.blocks && group % ahead.turns == ahead.turn ? ahead.blocks : 0;
    if (!TILED) UNROLL for (int b = 0; b < B; b++) {
      ${name}_prefetch_group(blocks + b * BLOCK_BYTES, group + PREFETCH_GROUPS);
      if (next) ${name}_prefetch_group(next + b * BLOCK_BYTES, group);
    }
    const int32_t group_end = least((group + 1) * GROUP, K_PADDED);
    for (int32_t j = 0; j < SEGMENTS_IN_GROUP; j++) {
      const int32_t begin = group * GROUP + j * SEGMENT;
      const int32_t stop = WHOLE_SEGMENTS ? begin + SEGMENT : least(begin + SEGMENT, group_end);
      s32x16 sums[MANY_ROWS][4][DIGITS];
      UNROLL for (int m = 0; m < M; m++)
        UNROLL for (int b = 0; b < B; b++)
          UNROLL for (int d = 0; d < DIGITS; d++) sums[m][b][d] = (s32x16)(0);
      if (!TILED && next) UNROLL for (int b = 0; b < B; b++) ${name}_prefetch_codes(next + b * BLOCK_BYTES, begin, stop);
      ${name}_segment(M, B, TILED, codes, prepared, begin, stop, sums);
      UNROLL for (int m = 0; m < M; m++) {
        const float *scales = (const float *)(prepared + m * PREPARED_BYTES + DIGITS * DIGIT_STRIDE);
        const f32x16 scale = splat(scales[group * SEGMENTS_IN_GROUP + j]);
        UNROLL for (int b = 0; b < B; b++)
          group_sums[m][b] = fma16(${name}_join_digits(sums[m][b]), scale, group_sums[m][b]);
      }
    }
    UNROLL for (int b = 0; b < B; b++) {
      const char *block = blocks + b * BLOCK_BYTES;
      const f32x16 scale = ${name}_scale(block, group), zero = ${name}_zero(block, group);
      UNROLL for (int m = 0; m < M; m++) {
        const float *x_sums = (const float *)(prepared + m * PREPARED_BYTES + DIGITS * DIGIT_STRIDE) + GROUPS * SEGMENTS_IN_GROUP;
        y[m][b] = fma16(scale, fma16(-zero, splat(x_sums[group]), group_sums[m][b]), y[m][b]);
      }
    }
  }
}
