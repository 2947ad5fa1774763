/* What generated functions over tensors stand on; the structs are those of docs/tensor-abi.md. */
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))
#ifndef KERNEL
#define KERNEL static __attribute__((noinline))
#endif
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

/* The first error stays. */
static __attribute__((noinline, cold)) void fail(catena_graph *g, int64_t operation, int64_t what) {
  int64_t none = 0;
  __atomic_compare_exchange_n(&g->error, &none, operation * 16 + what, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
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

/* ---- reals ---- */
#define F32_NAN __builtin_nanf("")
#define F64_NAN __builtin_nan("")
#define F32_INFINITY __builtin_inff()
#define F64_INFINITY __builtin_inf()
INLINE float value_f16(uint16_t x) { union { uint16_t u; _Float16 f; } v = {x}; return (float)v.f; }
INLINE uint16_t f16_of(float x) { union { _Float16 f; uint16_t u; } v = {(_Float16)x}; return v.u; }
#define OF_BOTH(NAME, BUILTIN)                                      \
  INLINE float NAME##_f32(float x) { return __builtin_##BUILTIN##f(x); } \
  INLINE double NAME##_f64(double x) { return __builtin_##BUILTIN(x); }
OF_BOTH(absolute, fabs) OF_BOTH(floor, floor) OF_BOTH(ceil, ceil) OF_BOTH(round, rint) OF_BOTH(truncate, trunc) OF_BOTH(square_root, sqrt)
INLINE double copy_sign_f64(double x, double sign) { return __builtin_copysign(x, sign); }
