/* What generated functions over tensors stand on; the structs are those of docs/tensor-abi.md. */
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

typedef struct {
  void *data;
  int64_t *dims;
} catena_tensor;

typedef struct {
  const void *const *weights;
  const catena_tensor *inputs;
  catena_tensor *outputs;
  char *memory;
  int64_t memory_bytes;
  int64_t error; /* 0, or the first: operation * 16 + what */
} catena_graph;

typedef struct {
  int32_t id, count;
  void (*barrier)(void *team, int32_t id);
  void *team;
} catena_thread;

enum { SHAPE = 1, INDEX = 2, DIVISION = 3, MEMORY = 4, VALUE = 5 };

/* The first error stays. */
static __attribute__((noinline, cold)) void fail(catena_graph *g, int64_t operation, int64_t what) {
  int64_t none = 0;
  __atomic_compare_exchange_n(&g->error, &none, operation * 16 + what, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* ---- memory: every thread keeps the same account of it, since all of them take and give back in the same order ---- */
enum { HOLES = 128 };
typedef struct {
  int64_t end;
  int32_t holes;
  struct { int64_t at, bytes; } hole[HOLES];
} heap;

/* The bytes of a tensor, or -1 where they can't be counted. */
static __attribute__((noinline)) int64_t tensor_bytes(const int64_t *dims, int32_t rank, int64_t width) {
  int64_t n = width;
  int32_t empty = 0;
  for (int32_t i = 0; i < rank; i++) {
    if (dims[i] < 0) return -1;
    empty |= dims[i] == 0;
  }
  if (empty) return 0;
  for (int32_t i = 0; i < rank; i++)
    if (__builtin_mul_overflow(n, dims[i], &n) || n > (1L << 50)) return -1;
  return n;
}

/* Room for as many bytes: in the first hole that is large enough, else at the end. -1 where there is none. */
static int64_t heap_take(heap *h, const catena_graph *g, int64_t bytes) {
  if (bytes < 0) return -1;
  bytes = (bytes + 127) / 64 * 64; /* a line more than needed: vectors may read beyond the end */
  for (int32_t i = 0; i < h->holes; i++)
    if (h->hole[i].bytes >= bytes) {
      const int64_t at = h->hole[i].at;
      h->hole[i].at += bytes;
      h->hole[i].bytes -= bytes;
      if (h->hole[i].bytes == 0) h->hole[i] = h->hole[--h->holes];
      return at;
    }
  if (bytes > g->memory_bytes - h->end) return -1;
  h->end += bytes;
  return h->end - bytes;
}

static void heap_give(heap *h, int64_t at, int64_t bytes) {
  bytes = (bytes + 127) / 64 * 64;
  for (int32_t i = 0; i < h->holes; i++) { /* join what touches */
    const int64_t from = h->hole[i].at, to = from + h->hole[i].bytes;
    if (to == at || from == at + bytes) {
      at = to == at ? from : at;
      bytes += h->hole[i].bytes;
      h->hole[i] = h->hole[--h->holes];
      i = -1;
    }
  }
  if (at + bytes == h->end) h->end = at;
  else if (h->holes < HOLES) {
    h->hole[h->holes].at = at;
    h->hole[h->holes++].bytes = bytes;
  }
}

/* What functions over thousands of tensors call for each: as little code there as can be. */
static __attribute__((noinline)) void *take(heap *h, catena_graph *g, int64_t bytes, int64_t operation) {
  const int64_t at = heap_take(h, g, bytes);
  if (at >= 0) return g->memory + at;
  fail(g, operation, MEMORY);
  return 0;
}

static __attribute__((noinline)) void give(heap *h, const catena_graph *g, const void *tensor, int64_t bytes) {
  heap_give(h, (const char *)tensor - g->memory, bytes);
}

/* ---- work ---- */

/* This thread's part of `total` pieces of `work` steps each; what isn't worth sharing is thread 0's. */
static __attribute__((noinline)) void share(int64_t total, int64_t work, const catena_thread *t, int64_t *from, int64_t *to) {
  if (t->count == 1 || total * (__int128)work < 32768) {
    *from = 0;
    *to = t->id == 0 ? total : 0;
    return;
  }
  *from = total / t->count * t->id + (total % t->count) * t->id / t->count;
  *to = total / t->count * (t->id + 1) + (total % t->count) * (t->id + 1) / t->count;
}

/* An index that may count from the end; one outside is an error, and 0. */
INLINE int64_t checked_index(int64_t i, int64_t n, catena_graph *g, int64_t operation) {
  const int64_t at = i < 0 ? i + n : i;
  if (__builtin_expect((uint64_t)at >= (uint64_t)n, 0)) {
    fail(g, operation, INDEX);
    return 0;
  }
  return at;
}

/* ---- integers ---- */
#define INTEGERS(T)                                                                                                         \
  INLINE T quotient_##T(T a, T b, catena_graph *g, int64_t operation) {                                                     \
    if (__builtin_expect(b == 0, 0)) return fail(g, operation, DIVISION), (T)0;                                             \
    return (T)-1 < (T)0 && b == (T)-1 ? (T)(0 - a) : (T)(a / b);                                                            \
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
    T p = 1;                                                                                                                \
    for (; n; n >>= 1, a *= a) p = n & 1 ? (T)(p * a) : p;                                                                  \
    return p;                                                                                                               \
  }
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
INLINE float round_f16(float x) { return (float)(_Float16)x; }
INLINE float round_bf16(float x) { return value_bf16(bf16_of(x)); }

INLINE float maximum_f32(float a, float b) { return ((a > b) | (a != a)) ? a : b; }
INLINE float minimum_f32(float a, float b) { return ((a < b) | (a != a)) ? a : b; }
INLINE double maximum_f64(double a, double b) { return ((a > b) | (a != a)) ? a : b; }
INLINE double minimum_f64(double a, double b) { return ((a < b) | (a != a)) ? a : b; }
