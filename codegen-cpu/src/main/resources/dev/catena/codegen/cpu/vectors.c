/* Sixteen lanes: one AVX-512 register, or two of AVX2. */
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

typedef float f32x16 __attribute__((ext_vector_type(16)));
typedef double f64x16 __attribute__((ext_vector_type(16)));
typedef _Float16 f16x16 __attribute__((ext_vector_type(16)));
#ifdef __AVX512BF16__
typedef __bf16 bf16x32 __attribute__((vector_size(64)));
#endif
typedef int32_t s32x16 __attribute__((ext_vector_type(16)));
typedef uint32_t u32x16 __attribute__((ext_vector_type(16)));
typedef int64_t s64x16 __attribute__((ext_vector_type(16)));
typedef uint8_t u8x16 __attribute__((ext_vector_type(16)));
typedef int8_t s8x16 __attribute__((ext_vector_type(16)));

/* The same in memory, aligned as an element is. */
typedef f32x16 f32x16_memory __attribute__((aligned(4)));
typedef f16x16 f16x16_memory __attribute__((aligned(2)));
typedef u8x16 u8x16_memory __attribute__((aligned(1)));
typedef s8x16 s8x16_memory __attribute__((aligned(1)));

INLINE f32x16 load16(const float *p) { return *(const f32x16_memory *)p; }
INLINE void store16(float *p, f32x16 v) { *(f32x16_memory *)p = v; }
INLINE f32x16 load16_f16(const _Float16 *p) { return __builtin_convertvector(*(const f16x16_memory *)p, f32x16); }
INLINE void store16_f16(_Float16 *p, f32x16 v) { *(f16x16_memory *)p = __builtin_convertvector(v, f16x16); }
INLINE f32x16 load16_u8(const uint8_t *p) {
  return __builtin_convertvector(__builtin_convertvector(*(const u8x16_memory *)p, s32x16), f32x16);
}
INLINE f32x16 splat(float x) { return (f32x16)(x); }
INLINE f32x16 fma16(f32x16 a, f32x16 b, f32x16 c) { return __builtin_elementwise_fma(a, b, c); }
INLINE f32x16 to_f32(s32x16 v) { return __builtin_convertvector(v, f32x16); }

/* The first `count` lanes from memory, the others 0. */
INLINE f32x16 load_first(const float *p, int32_t count) {
  if (count == 16) return load16(p);
  float lanes[16] = {0};
  for (int32_t i = 0; i < count; i++) lanes[i] = p[i];
  return load16(lanes);
}

INLINE void store_first(float *p, f32x16 v, int32_t count) {
  if (count == 16) {
    store16(p, v);
    return;
  }
  float lanes[16];
  store16(lanes, v);
  for (int32_t i = 0; i < count; i++) p[i] = lanes[i];
}

/* Sums and maxima over lanes, always in this tree's order. */
INLINE float sum_lanes(f32x16 v) {
  float lanes[16];
  store16(lanes, v);
  UNROLL for (int step = 8; step > 0; step /= 2)
    UNROLL for (int i = 0; i < step; i++) lanes[i] += lanes[i + step];
  return lanes[0];
}

INLINE float max_lanes(f32x16 v) {
  float lanes[16];
  store16(lanes, v);
  UNROLL for (int step = 8; step > 0; step /= 2)
    UNROLL for (int i = 0; i < step; i++) lanes[i] = lanes[i] > lanes[i + step] ? lanes[i] : lanes[i + step];
  return lanes[0];
}

INLINE int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }

/* Where a thread's share of `work` begins; thread `count` begins at the end. */
INLINE int32_t share_begin(int32_t work, int32_t id, int32_t count) { return (int32_t)((int64_t)work * id / count); }
