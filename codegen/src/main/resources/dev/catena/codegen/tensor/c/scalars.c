/*
 * What expressions of all targets stand on. A target says before what INLINE and NOINLINE are, and declares catena_graph,
 * fail() and its functions of reals.
 */
enum { SHAPE = 1, INDEX = 2, DIVISION = 3, MEMORY = 4, VALUE = 5 };

/* An index that may count from the end; one outside is an error, and 0. */
INLINE int64_t checked_index(int64_t i, int64_t n, catena_graph *g, int64_t operation) {
  const int64_t at = i < 0 ? i + n : i;
  if (__builtin_expect((uint64_t)at >= (uint64_t)n, 0)) {
    fail(g, operation, INDEX);
    return 0;
  }
  return at;
}

/* ---- integers: they wrap, and a shift by all bits or more gives 0 ---- */
#define INTEGERS(T)                                                                                                         \
  INLINE T quotient_##T(T a, T b, catena_graph *g, int64_t operation) {                                                     \
    if (__builtin_expect(b == 0, 0)) return fail(g, operation, DIVISION), (T)0;                                             \
    return (T)-1 < (T)0 && b == (T)-1 ? (T)(0 - (uint64_t)a) : (T)(a / b);                                                  \
  }                                                                                                                         \
  INLINE T remainder_##T(T a, T b, catena_graph *g, int64_t operation) {                                                    \
    if (__builtin_expect(b == 0, 0)) return fail(g, operation, DIVISION), (T)0;                                             \
    return (T)-1 < (T)0 && b == (T)-1 ? (T)0 : (T)(a % b);                                                                  \
  }                                                                                                                         \
  INLINE T modulo_##T(T a, T b, catena_graph *g, int64_t operation) {                                                       \
    const T r = remainder_##T(a, b, g, operation);                                                                          \
    return r != 0 && (r < (T)0) != (b < (T)0) ? (T)(r + b) : r;                                                             \
  }                                                                                                                         \
  INLINE T power_##T(T a, T n) {                                                                                            \
    if (n < (T)0) return a == (T)1 ? (T)1 : (T)-1 < (T)0 && a == (T)-1 ? (n & 1 ? (T)-1 : (T)1) : (T)0;                     \
    uint64_t p = 1, b = (uint64_t)a;                                                                                        \
    for (; n; n >>= 1, b *= b) p = n & 1 ? p * b : p;                                                                       \
    return (T)p;                                                                                                            \
  }                                                                                                                         \
  INLINE T absolute_##T(T x) { return x < (T)0 ? (T)(0 - (uint64_t)x) : x; }                                                \
  INLINE T sign_##T(T x) { return (T)((x > (T)0) - (x < (T)0)); }                                                           \
  INLINE T maximum_##T(T a, T b) { return a > b ? a : b; }                                                                  \
  INLINE T minimum_##T(T a, T b) { return a < b ? a : b; }                                                                  \
  INLINE T shift_left_##T(T a, T b) { return (uint64_t)b < 8 * sizeof(T) ? (T)((uint64_t)a << b) : (T)0; }                    \
  INLINE T shift_right_##T(T a, T b) { return (uint64_t)b < 8 * sizeof(T) ? (T)(a >> b) : a < (T)0 ? (T)-1 : (T)0; }
INTEGERS(int64_t) INTEGERS(int32_t) INTEGERS(int16_t) INTEGERS(int8_t)
INTEGERS(uint64_t) INTEGERS(uint32_t) INTEGERS(uint16_t) INTEGERS(uint8_t)

/* Reals to integers, truncated; what no 64 bits hold saturates, NaN is 0, and narrower types keep the low bits. */
INLINE int64_t int64_of(double x) {
  return x >= 0x1p63 ? (int64_t)(~0ul >> 1) : x < -0x1p63 ? (int64_t)(1ul << 63) : x != x ? 0 : (int64_t)x;
}
/* The same of reals that are known to fit 32 bits, or to be NaN. */
INLINE int32_t int32_held_f32(float x) { return x == x ? (int32_t)x : 0; }
INLINE int32_t int32_held_f64(double x) { return x == x ? (int32_t)x : 0; }
INLINE uint64_t uint64_of(double x) {
  return x >= 0x1p64 ? ~0ul : x >= 0x1p63 ? (uint64_t)x : (uint64_t)int64_of(x);
}

/* ---- reals ---- */
INLINE uint32_t bits_f32(float x) { union { float f; uint32_t u; } v = {x}; return v.u; }
INLINE float f32_of_bits(uint32_t x) { union { uint32_t u; float f; } v = {x}; return v.f; }
INLINE uint64_t bits_f64(double x) { union { double f; uint64_t u; } v = {x}; return v.u; }
INLINE double f64_of_bits(uint64_t x) { union { uint64_t u; double f; } v = {x}; return v.f; }

/* To f32 with the last bit set where anything was lost: a second rounding, to fewer bits, is then right. */
INLINE float f32_to_odd(double x) {
  const float f = (float)x;
  if ((double)f == x || x != x || f - f != 0) return f;
  uint32_t u = bits_f32(f);
  if (((double)f > x) == (x > 0)) u--; /* toward zero */
  return f32_of_bits(u | 1);
}

INLINE float value_bf16(uint16_t x) { return f32_of_bits((uint32_t)x << 16); }
INLINE uint16_t bf16_of(float x) {
  const uint32_t u = bits_f32(x);
  return x != x ? (uint16_t)(u >> 16 | 0x40) : (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
INLINE float round_f16(float x) { return value_f16(f16_of(x)); }
INLINE float round_bf16(float x) { return value_bf16(bf16_of(x)); }

INLINE float maximum_f32(float a, float b) { return ((a > b) | (a != a)) ? a : b; }
INLINE float minimum_f32(float a, float b) { return ((a < b) | (a != a)) ? a : b; }
INLINE double maximum_f64(double a, double b) { return ((a > b) | (a != a)) ? a : b; }
INLINE double minimum_f64(double a, double b) { return ((a < b) | (a != a)) ? a : b; }
INLINE double sign_f64(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
INLINE float sign_f32(float x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
INLINE uint8_t is_nan_f32(float x) { return x != x; }
INLINE uint8_t is_nan_f64(double x) { return x != x; }
INLINE uint8_t is_infinite_f32(float x) { return x == x && x - x != 0; }
INLINE uint8_t is_infinite_f64(double x) { return x == x && x - x != 0; }
