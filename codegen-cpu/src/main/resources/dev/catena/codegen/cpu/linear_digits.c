/* [DIGITS] times DIGIT_STRIDE bytes, most significant first, then a scale for each segment, then x's sum over each group. */
static void ${name}_prepare(const float *x, char *prepared) {
  float *scales = (float *)(prepared + DIGITS * DIGIT_STRIDE), *sums = scales + GROUPS * SEGMENTS_IN_GROUP;
  for (int32_t group = 0; group < GROUPS; group++) {
    const int32_t group_end = least((group + 1) * GROUP, K);
    float group_sum = 0;
    for (int32_t j = 0; j < SEGMENTS_IN_GROUP; j++) {
      const int32_t begin = group * GROUP + j * SEGMENT;
      const int32_t end = WHOLE_SEGMENTS ? begin + SEGMENT : least(begin + SEGMENT, group_end);
      /* Magnitudes are ordered as their bits are, infinities and NaN above all others. */
      s32x16 magnitudes = (s32x16)(0);
      for (int32_t k = begin; k < end; k += 16)
        magnitudes = __builtin_elementwise_max(magnitudes, (s32x16)load_first(x + k, least(16, end - k)) & 0x7fffffff);
      const union { int32_t bits; float value; } magnitude = {__builtin_reduce_max(magnitudes)};
      const float to_whole = magnitude.value > 1e-30f ? LARGEST / magnitude.value : 0;
      /* What isn't finite must reach y. */
      const float scale = magnitude.bits < 0x7f800000 ? magnitude.value * (1 / LARGEST) : __builtin_nanf("");
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

/* Of the blocks that are needed after those at hand, a part to be asked for: so many lines with each ASK_COLUMNS that are multiplied,
   since some twenty at once would keep loads waiting. They go to the second cache: blocks are too large for the first. */
#define ASK_COLUMNS 32
typedef struct { const char *at, *end; int32_t lines; } ${name}_ahead;

/* Parts first ... end - 1 of `parts` of the blocks from `blocks` on that lie side by side; none if there are no such. */
INLINE ${name}_ahead ${name}_ask_for(const char *blocks, int32_t first, int32_t end, int32_t parts) {
  if (!blocks) return (${name}_ahead){0, 0, 0};
  const char *from = blocks + BLOCKS_BY_1 * BLOCK_BYTES * first / parts, *to = blocks + BLOCKS_BY_1 * BLOCK_BYTES * end / parts;
  const int32_t times = (K_PADDED + ASK_COLUMNS - 1) / ASK_COLUMNS;
  return (${name}_ahead){from, to, (to - from + 64 * times - 1) / (64 * times)};
}

INLINE void ${name}_ask(${name}_ahead *ahead) {
  if (ahead->at >= ahead->end) return;
  for (int32_t i = 0; i < ahead->lines; i++) __builtin_prefetch(ahead->at + 64 * i, 0, 2);
  ahead->at += 64 * ahead->lines;
}

/* Adds to y the products of groups first ... end - 1 of M rows with B blocks, group by group: the order is the same however the
   groups are cut. Codes lie in the blocks, or TILED as bytes elsewhere (of one block). Meanwhile `ahead` is asked for. */
INLINE void ${name}_dot(const int M, const int B, const int TILED, const char *blocks, const char *codes, const char *prepared,
                        int32_t first, int32_t end, ${name}_ahead ahead, f32x16 y[MANY_ROWS][4]) {
  for (int32_t group = first; group < end; group++) {
    f32x16 group_sums[MANY_ROWS][4];
    UNROLL for (int m = 0; m < M; m++)
      UNROLL for (int b = 0; b < B; b++) group_sums[m][b] = splat(0);
    if (!TILED) UNROLL for (int b = 0; b < B; b++) ${name}_prefetch_group(blocks + b * BLOCK_BYTES, group + PREFETCH_GROUPS);
    const int32_t group_end = least((group + 1) * GROUP, K_PADDED);
    for (int32_t j = 0; j < SEGMENTS_IN_GROUP; j++) {
      const int32_t begin = group * GROUP + j * SEGMENT;
      const int32_t stop = WHOLE_SEGMENTS ? begin + SEGMENT : least(begin + SEGMENT, group_end);
      s32x16 sums[MANY_ROWS][4][DIGITS];
      UNROLL for (int m = 0; m < M; m++)
        UNROLL for (int b = 0; b < B; b++)
          UNROLL for (int d = 0; d < DIGITS; d++) sums[m][b][d] = (s32x16)(0);
      for (int32_t k = begin; k < stop; k += ASK_COLUMNS) {
        ${name}_ask(&ahead);
        const int32_t next = WHOLE_SEGMENTS && SEGMENT % ASK_COLUMNS == 0 ? k + ASK_COLUMNS : least(k + ASK_COLUMNS, stop);
        ${name}_segment(M, B, TILED, codes, prepared, k, next, sums);
      }
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
