/* Pages by AMX's tiles, 16 queries at a time: a tile's rows. */
typedef struct {
  ${name}_scratch queries;
  amx_tiles tiles;
  int32_t score_sums[2][16][64], value_sums[2][16][DIM_PADDED]; /* of codes, for each digit */
} ${name}_tile_scratch;
_Static_assert(sizeof(${name}_tile_scratch) <= ${scratch_bytes}, "scratch");

#define VALUE_SETS ((DIM_PADDED + 63) / 64) /* of four tiles of sums */
#define TURN_UNITS (KEY_ROUNDS * KEY_UNITS + VALUE_SETS * VALUE_ROUNDS * VALUE_UNITS) /* four products each, for 16 queries */
#define UNIT_LINES ((HEAD_BYTES / 64 + (GROUP + 15) / 16 * TURN_UNITS - 1) / ((GROUP + 15) / 16 * TURN_UNITS)) /* to be asked for */

/* Queries whose scores become weights while tiles multiply those of others: from `next` to `end` - 1. */
typedef struct {
  int32_t first, next, end, page;
  ${name}_ahead *weights;
} ${name}_softmax;

/* Between the products of four tiles, which the AMX unit works on for 64 cycles: `done` sixteenths of the queries are to be weighed. */
INLINE void ${name}_weigh_until(${name}_scratch *s, ${name}_softmax *softmax, int32_t done) {
  const int32_t stop = least(softmax->end, softmax->first + done / QUERIES_TOGETHER * QUERIES_TOGETHER);
  if (stop <= softmax->next) return;
  ${name}_weigh_queries(s, softmax->next, stop, softmax->page, softmax->weights);
  softmax->next = stop;
}

/* Scores of 16 queries from `query` on, while half of `softmax` is done. */
static void ${name}_score_by_tiles(${name}_tile_scratch *t, int32_t query, ${name}_ahead *ahead, ${name}_softmax *softmax) {
  ${name}_scratch *s = &t->queries;
  amx_tiles *tiles = &t->tiles;
  UNROLL for (int round = 0; round < KEY_ROUNDS; round++) {
    tile_zero(tiles, 0);
    tile_zero(tiles, 1);
    tile_zero(tiles, 2);
    tile_zero(tiles, 3);
    UNROLL for (int unit = 0; unit < KEY_UNITS; unit++) {
      ${name}_multiply_keys(tiles, &s->keys, &s->queries[query], round, unit);
      ${name}_ask(ahead, UNIT_LINES);
      ${name}_weigh_until(s, softmax, 8 * (round * KEY_UNITS + unit + 1) / (KEY_ROUNDS * KEY_UNITS));
    }
    float *to = ${name}_scores_place(&s->scores[query], t->score_sums, round);
    tile_store(tiles, 0, to, 256);
    tile_store(tiles, 1, to + 16, 256);
    tile_store(tiles, 2, to + 32, 256);
    tile_store(tiles, 3, to + 48, 256);
  }
}

/* Up to 64 elements of the values from d on, weighed by 16 queries. */
INLINE void ${name}_weigh_values(const int N, ${name}_tile_scratch *t, int32_t query, const int d, ${name}_ahead *ahead,
                                ${name}_softmax *softmax) {
  ${name}_scratch *s = &t->queries;
  amx_tiles *tiles = &t->tiles;
  UNROLL for (int round = 0; round < VALUE_ROUNDS; round++) {
    float *sums = (float *)${name}_sums_place(&s->sums[query], t->value_sums, round) + d;
    BEGIN_VALUES(N, sums)
    UNROLL for (int unit = 0; unit < VALUE_UNITS; unit++) {
      ${name}_multiply_values(tiles, N, &s->values, &s->weights[query], d, round, unit);
      ${name}_ask(ahead, UNIT_LINES);
      const int done = (d / 64 * VALUE_ROUNDS + round) * VALUE_UNITS + unit + 1;
      ${name}_weigh_until(s, softmax, 8 + 8 * done / (VALUE_SETS * VALUE_ROUNDS * VALUE_UNITS));
    }
    tile_store(tiles, 0, sums, 4 * DIM_PADDED);
    if (N > 1) tile_store(tiles, 1, sums + 16, 4 * DIM_PADDED);
    if (N > 2) tile_store(tiles, 2, sums + 32, 4 * DIM_PADDED);
    if (N > 3) tile_store(tiles, 3, sums + 48, 4 * DIM_PADDED);
  }
}

/* Adds weight times value for `live` queries of 16 from `query` on, while the rest of `softmax` is done. */
static void ${name}_add_by_tiles(${name}_tile_scratch *t, int32_t query, int32_t live, ${name}_ahead *ahead, ${name}_softmax *softmax) {
  ${name}_scratch *s = &t->queries;
  UNROLL for (int d = 0; d < DIM_PADDED; d += 64)
    ${name}_weigh_values(DIM_PADDED - d < 64 ? (DIM_PADDED - d) / 16 : 4, t, query, d, ahead, softmax);
  ${name}_finish_values(&s->weights[query], &s->rescale[query], t->value_sums, &s->sums[query], live);
}

/* Queries begin ... stop - 1 meet a page, by tiles; nothing is left of it from position `count` on. While vectors make weights of 16
   queries' scores, tiles multiply the next ones' scores, and the weights of those before with values. */
static void ${name}_meet_page_by_tiles(${name}_scratch *s, int32_t begin, int32_t stop, int32_t page, int32_t count, float cap,
                                      ${name}_ahead ahead, ${name}_ahead *weights) {
  ${name}_tile_scratch *t = (${name}_tile_scratch *)s;
  ${name}_softmax none = {0};
  ${name}_score_by_tiles(t, begin, &ahead, &none);
  for (int32_t first = begin; first < stop; first += 16) {
    const int32_t end = least(first + 16, stop);
    ${name}_finish_scores(&s->keys, &s->queries[first], t->score_sums, &s->scores[first], end - first);
    ${name}_find_largest(s, first, end, page, cap);
    ${name}_rescale_sums(&s->sums[first], &s->rescale[first], end - first);
    ${name}_softmax softmax = {first, first, end, page, weights};
    if (end < stop) ${name}_score_by_tiles(t, end, &ahead, &softmax);
    if (first > begin) ${name}_add_by_tiles(t, first - 16, 16, &ahead, &softmax);
    ${name}_weigh_queries(s, softmax.next, end, page, weights);
  }
  const int32_t last = begin + (stop - begin - 1) / 16 * 16;
  ${name}_add_by_tiles(t, last, stop - last, &ahead, &none);
}
