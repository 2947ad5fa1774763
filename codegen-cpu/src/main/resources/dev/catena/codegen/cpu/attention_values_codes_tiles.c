/* The same sums by tiles: the whole numbers are those that vectors come to. */
#define VALUE_ROUNDS NUMBER_DIGITS
#define VALUE_UNITS 1

INLINE void ${name}_rescale_sums(float (*sums)[DIM_PADDED], const float *rescale, int32_t count) {} /* when they are finished */

INLINE void *${name}_sums_place(float (*sums)[DIM_PADDED], int32_t (*whole)[16][DIM_PADDED], const int round) { return whole[round]; }
#define BEGIN_VALUES(columns, from) \
  { tile_zero(tiles, 0); if (columns > 1) tile_zero(tiles, 1); if (columns > 2) tile_zero(tiles, 2); if (columns > 3) tile_zero(tiles, 3); }

/* Products of one digit of 16 queries' weights with N times 16 elements from d on, in 64 positions. */
INLINE void ${name}_multiply_values(amx_tiles *tiles, const int N, const ${name}_values *values, const ${name}_weights *weights,
                                   const int d, const int round, const int unit) {
  tile_load(tiles, 4, weights->digits[round], sizeof *weights);
  MULTIPLY_COLUMNS(tile_multiply, 4, N, values->words[0] + d, sizeof values->words[0])
}

INLINE void ${name}_finish_values(const ${name}_weights *weights, const float *rescale, int32_t (*whole)[16][DIM_PADDED],
                                 float (*sums)[DIM_PADDED], int32_t count) {
  for (int32_t q = 0; q < count; q++)
    for (int32_t d = 0; d < DIM_PADDED; d += 16) {
      const s32x16 digits[] = {*(const s32x16 *)&whole[0][q][d], *(const s32x16 *)&whole[1][q][d]};
      ${name}_add_sum(&weights[q], rescale[q], digits, &sums[q][d]);
    }
}
