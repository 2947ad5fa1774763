/* Where a position of one KV head lies (docs/kv-layout.md): 64 positions a page, the page's id from the sequence's table. */
INLINE char *kv_head_of(char *kv, const catena_step *step, int32_t sequence, int32_t page, int64_t page_bytes,
                        int32_t head, int32_t head_bytes) {
  const int32_t id = step->page_table[(int64_t)sequence * step->page_table_stride + page];
  return kv + id * page_bytes + (int64_t)head * head_bytes;
}

/* A cached element is code * scale + minimum; a pair lies beside each position's codes. */
typedef struct { _Float16 scale, minimum; } kv_pair;

/* Elements d ... d + count - 1 of a position, the other lanes 0. */
INLINE f32x16 kv_load_f32(const char *numbers, int32_t dim, int32_t slot, int32_t d, int32_t count) {
  return load_first((const float *)numbers + slot * dim + d, count);
}

INLINE f32x16 kv_load_f16(const char *numbers, int32_t dim, int32_t slot, int32_t d, int32_t count) {
  const _Float16 *from = (const _Float16 *)numbers + slot * dim + d;
  if (count == 16) return load16_f16(from);
  _Float16 lanes[16] = {0};
  for (int32_t i = 0; i < count; i++) lanes[i] = from[i];
  return load16_f16(lanes);
}

/* The same of codes, as bytes; a row is as many as fill sixteen words. */
INLINE u8x16 kv_codes_u8(const char *codes, int32_t dim, int32_t slot, int32_t d, const int count) {
  u8x16 lanes = (u8x16)(0);
  __builtin_memcpy(&lanes, codes + slot * dim + d, count);
  return lanes;
}

INLINE code_row kv_row_u8(const char *codes, int32_t dim, int32_t slot, int32_t d, const int count) {
  code_row lanes = (code_row)(0);
  __builtin_memcpy(&lanes, codes + slot * dim + d, count);
  return lanes;
}

/* Two codes in a byte, the even one lower. */
#define SPREAD_PAIRS(pairs, shorts) (__builtin_convertvector(pairs, shorts) | __builtin_convertvector(pairs, shorts) << 4) & 0x0F0F

INLINE u8x16 kv_codes_u4(const char *codes, int32_t dim, int32_t slot, int32_t d, const int count) {
  u8x8 pairs = (u8x8)(0);
  __builtin_memcpy(&pairs, codes + (slot * dim + d) / 2, count / 2);
  return (u8x16)(SPREAD_PAIRS(pairs, u16x8));
}

INLINE code_row kv_row_u4(const char *codes, int32_t dim, int32_t slot, int32_t d, const int count) {
  half_code_row pairs = (half_code_row)(0);
  __builtin_memcpy(&pairs, codes + (slot * dim + d) / 2, count / 2);
  return (code_row)(SPREAD_PAIRS(pairs, half_code_row_shorts));
}

/* Scales and minima of all positions of a page. */
INLINE void kv_load_pairs(const char *pairs, float *scales, float *minima) {
  for (int32_t slot = 0; slot < 64; slot++) {
    scales[slot] = (float)((const kv_pair *)pairs)[slot].scale;
    minima[slot] = (float)((const kv_pair *)pairs)[slot].minimum;
  }
}

INLINE void kv_store_f32(char *codes, char *pairs, int32_t dim, int32_t slot, const float *x) {
  __builtin_memcpy((float *)codes + slot * dim, x, dim * sizeof(float));
}

INLINE void kv_store_f16(char *codes, char *pairs, int32_t dim, int32_t slot, const float *x) {
  _Float16 *to = (_Float16 *)codes + slot * dim;
  for (int32_t d = 0; d < dim; d++) to[d] = (_Float16)x[d];
}

/* Scale and minimum are rounded to f16 first, so that codes fit the values they will be read with. The range is that of the
   finite elements, as far as f16 goes: a NaN or an infinity takes an end of it and leaves its neighbours alone. */
INLINE kv_pair kv_pair_of(const float *x, int32_t dim, float largest_code) {
  float low = 65504, high = -65504;
  int32_t finite = 0;
  for (int32_t d = 0; d < dim; d++) {
    if (x[d] - x[d] != 0) continue;
    finite = 1;
    const float v = x[d] < -65504 ? -65504 : x[d] > 65504 ? 65504 : x[d];
    low = v < low ? v : low;
    high = v > high ? v : high;
  }
  if (!finite) return (kv_pair){0, 0};
  return (kv_pair){(_Float16)((high - low) / largest_code), (_Float16)low};
}

INLINE uint8_t kv_code_of(float x, kv_pair pair, float largest_code) {
  const float scale = (float)pair.scale;
  if (!(scale > 0)) return 0;
  const float code = __builtin_rintf((x - (float)pair.minimum) / scale);
  return (uint8_t)(code > 0 ? code < largest_code ? code : largest_code : 0);
}

INLINE void kv_store_u8(char *codes, char *pairs, int32_t dim, int32_t slot, const float *x) {
  const kv_pair pair = kv_pair_of(x, dim, 255);
  ((kv_pair *)pairs)[slot] = pair;
  for (int32_t d = 0; d < dim; d++) ((uint8_t *)codes)[slot * dim + d] = kv_code_of(x[d], pair, 255);
}

INLINE void kv_store_u4(char *codes, char *pairs, int32_t dim, int32_t slot, const float *x) {
  const kv_pair pair = kv_pair_of(x, dim, 15);
  ((kv_pair *)pairs)[slot] = pair;
  for (int32_t d = 0; d < dim; d += 2)
    ((uint8_t *)codes)[(slot * dim + d) / 2] = (uint8_t)(kv_code_of(x[d], pair, 15) | kv_code_of(x[d + 1], pair, 15) << 4);
}
