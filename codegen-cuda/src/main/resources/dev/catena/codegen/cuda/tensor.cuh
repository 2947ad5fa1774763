/* What kernels over tensors stand on (docs/tensor-abi.md). NVRTC has no headers. */
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long int64_t;
typedef unsigned long uint64_t;

#define INLINE static __device__ __forceinline__
#define NOINLINE static __device__ __noinline__

struct catena_graph;
NOINLINE void fail(catena_graph *g, int64_t operation, int64_t what);

/* ---- reals ---- */
#define F32_NAN __int_as_float(0x7fc00000)
#define F64_NAN __longlong_as_double(0x7ff8000000000000ll)
#define F32_INFINITY __int_as_float(0x7f800000)
#define F64_INFINITY __longlong_as_double(0x7ff0000000000000ll)
INLINE float value_f16(uint16_t x) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(x));
  return value;
}
INLINE uint16_t f16_of(float x) {
  uint16_t half;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(x));
  return half;
}

/* CUDA's own functions, under the names that expressions have for them. */
#define OF_BOTH(NAME, FUNCTION)                                                 \
  INLINE float NAME##_f32(float x) { return FUNCTION##f(x); }                   \
  INLINE double NAME##_f64(double x) { return FUNCTION(x); }
OF_BOTH(absolute, fabs) OF_BOTH(floor, floor) OF_BOTH(ceil, ceil) OF_BOTH(round, rint) OF_BOTH(truncate, trunc)
OF_BOTH(square_root, sqrt) OF_BOTH(exp, exp) OF_BOTH(log, log) OF_BOTH(log1p, log1p) OF_BOTH(expm1, expm1) OF_BOTH(sin, sin)
OF_BOTH(cos, cos) OF_BOTH(tan, tan) OF_BOTH(asin, asin) OF_BOTH(acos, acos) OF_BOTH(atan, atan) OF_BOTH(sinh, sinh)
OF_BOTH(cosh, cosh) OF_BOTH(tanh, tanh) OF_BOTH(asinh, asinh) OF_BOTH(acosh, acosh) OF_BOTH(atanh, atanh) OF_BOTH(erf, erf)
#undef OF_BOTH
INLINE float sigmoid_f32(float x) { return 1.0f / (1.0f + expf(-x)); }
INLINE double sigmoid_f64(double x) { return 1.0 / (1.0 + exp(-x)); }
INLINE double copy_sign_f64(double x, double sign) { return copysign(x, sign); }
INLINE float remainder_f32(float a, float b) { return fmodf(a, b); }
INLINE double remainder_f64(double a, double b) { return fmod(a, b); }
INLINE float power_f32(float a, float b) { return powf(a, b); }
INLINE double power_f64(double a, double b) { return pow(a, b); }
INLINE float modulo_f32(float a, float b) {
  const float r = fmodf(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
INLINE double modulo_f64(double a, double b) {
  const double r = fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
