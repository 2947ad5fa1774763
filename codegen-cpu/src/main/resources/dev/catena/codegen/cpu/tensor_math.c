/*
 * Elementary functions over one value, without a branch where they can be, so that loops over them become vector code. f64
 * is right to a few units in the last place (pow: to its logarithm's error times the exponent); f32 is computed in f64 and
 * rounded once.
 */
/* x = n ln 2 + r; e^r by its series; 2^n in two halves, so that results down to the subnormals come out right. */
INLINE double exp_f64(double x) {
  const double held = x > 710.0 ? 710.0 : x < -746.0 ? -746.0 : x;
  const double shifted = held * 1.4426950408889634 + 0x1.8p52;
  const double n = shifted - 0x1.8p52;
  double r = __builtin_fma(n, -0x1.62e42fef00000p-1, held);
  r = __builtin_fma(n, -0x1.473de6af278edp-34, r);
  double p = 1.0 / 6227020800.0;
  p = __builtin_fma(p, r, 1.0 / 479001600.0);
  p = __builtin_fma(p, r, 1.0 / 39916800.0);
  p = __builtin_fma(p, r, 1.0 / 3628800.0);
  p = __builtin_fma(p, r, 1.0 / 362880.0);
  p = __builtin_fma(p, r, 1.0 / 40320.0);
  p = __builtin_fma(p, r, 1.0 / 5040.0);
  p = __builtin_fma(p, r, 1.0 / 720.0);
  p = __builtin_fma(p, r, 1.0 / 120.0);
  p = __builtin_fma(p, r, 1.0 / 24.0);
  p = __builtin_fma(p, r, 1.0 / 6.0);
  p = __builtin_fma(p, r, 0.5);
  p = __builtin_fma(p * r, r, r) + 1.0;
  const int64_t whole = (int64_t)bits_f64(shifted) - (int64_t)bits_f64(0x1.8p52);
  const int64_t half = whole >> 1;
  const double y = p * f64_of_bits((uint64_t)(half + 1023) << 52) * f64_of_bits((uint64_t)(whole - half + 1023) << 52);
  return x != x ? x : y;
}

/* x = 2^n m with m in [1/sqrt 2, sqrt 2]; log m = 2 atanh((m - 1) / (m + 1)). */
INLINE double log_f64(double x) {
  const int32_t small = x < 0x1p-1022;
  const uint64_t bits = bits_f64(small ? x * 0x1p54 : x);
  const int64_t n = ((int64_t)(bits - 0x3FE6A09E667F3BCDul) >> 52);
  const double m = f64_of_bits(bits - ((uint64_t)n << 52));
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  double p = 2.0 / 25;
  p = __builtin_fma(p, z, 2.0 / 23);
  p = __builtin_fma(p, z, 2.0 / 21);
  p = __builtin_fma(p, z, 2.0 / 19);
  p = __builtin_fma(p, z, 2.0 / 17);
  p = __builtin_fma(p, z, 2.0 / 15);
  p = __builtin_fma(p, z, 2.0 / 13);
  p = __builtin_fma(p, z, 2.0 / 11);
  p = __builtin_fma(p, z, 2.0 / 9);
  p = __builtin_fma(p, z, 2.0 / 7);
  p = __builtin_fma(p, z, 2.0 / 5);
  p = __builtin_fma(p, z, 2.0 / 3);
  /* log(1 + f) = f - f^2/2 + s (f^2/2 + z p): the first terms without loss. */
  const double h = 0.5 * f * f;
  const double k = (double)(n - (small ? 54 : 0));
  const double y = k * 0x1.62e42fef00000p-1 - ((h - (s * (h + z * p) + k * 0x1.473de6af278edp-34)) - f);
  return x > 0 ? (x == __builtin_inf() ? x : y) : x == 0 ? -__builtin_inf() : __builtin_nan("");
}

INLINE double log1p_f64(double x) {
  const double u = 1.0 + x;
  return u == 1.0 || x == __builtin_inf() ? x : log_f64(u) * (x / (u - 1.0));
}

INLINE double expm1_f64(double x) {
  double p = 0;
  UNROLL for (int i = 17; i >= 2; i--) p = __builtin_fma(p, x / (i + 1), 1.0) ;
  const double near = __builtin_fma(p * 0.5 * x, x, x);
  return x > -0.5 && x < 0.5 ? near : exp_f64(x) - 1.0;
}

/* The first 1216 bits of 2 / pi. */
static const uint64_t two_over_pi[19] = {0xa2f9836e4e441529ul, 0xfc2757d1f534ddc0ul, 0xdb6295993c439041ul, 0xfe5163abdebbc561ul, 0xb7246e3a424dd2e0ul, 0x06492eea09d1921cul, 0xfe1deb1cb129a73eul, 0xe88235f52ebb4484ul, 0xe99c7026b45f7e41ul, 0x3991d639835339f4ul, 0x9c845f8bbdf9283bul, 0x1ff897ffde05980ful, 0xef2f118b5a0a6d1ful, 0x6d367ecf27cb09b7ul, 0x4f463f669e5fea2dul, 0x7527bac7ebe5f17bul, 0x3d0739f78a5292eaul, 0x6bfb5fb11f8d5d08ul, 0x56033046fc7b6babul};

/* x mod pi/2 for large x, by the bits of 2/pi that matter (Payne and Hanek 1983); the quadrant in *n. */
static __attribute__((noinline)) double reduce_large(double x, int64_t *n) {
  const uint64_t bits = bits_f64(x);
  const int32_t exponent = (int32_t)(bits >> 52 & 0x7ff) - 1075; /* x = mantissa 2^exponent */
  const uint64_t mantissa = (bits & 0xfffffffffffffUL) | 0x10000000000000UL;
  /* Bits of 2/pi from place exponent - 62 on, which may lie before the first: those left out give multiples of 4. */
  const int32_t start = exponent - 62;
  uint64_t w[4];
  for (int32_t i = 0; i < 4; i++) {
    const int32_t at = start + 64 * i, word = (at >> 6), shift = at & 63;
    const uint64_t high = word >= 0 && word < 19 ? two_over_pi[word] : 0;
    const uint64_t low = word + 1 >= 0 && word + 1 < 19 ? two_over_pi[word + 1] : 0;
    w[i] = shift ? high << shift | low >> (64 - shift) : high;
  }
  /* mantissa * w modulo 2^256; the point stands behind its first 62 bits. */
  uint64_t product[4];
  unsigned __int128 carry = 0;
  for (int32_t i = 3; i >= 0; i--) {
    carry += (unsigned __int128)mantissa * w[i];
    product[i] = (uint64_t)carry;
    carry >>= 64;
  }
  int64_t quadrant = (int64_t)(product[0] >> 2) & 3;
  unsigned __int128 fraction = ((unsigned __int128)product[0] << 64 | product[1]) << 62 | product[2] >> 2; /* of 2^128 */
  const double sign = fraction >> 127 ? -1 : 1;
  if (fraction >> 127) {
    quadrant++;
    fraction = -fraction;
  }
  const double r = sign * ((double)(uint64_t)(fraction >> 64) * 0x1p-64 + (double)(uint64_t)fraction * 0x1p-128) * 0x1.921fb54442d18p+0;
  *n = x < 0 ? -quadrant : quadrant;
  return x < 0 ? -r : r;
}

/* x = n pi/2 + r with |r| <= pi/4. */
INLINE double reduce(double x, int64_t *n) {
  if (__builtin_expect(!(__builtin_fabs(x) < 1e6), 0)) {
    *n = 0;
    return x - x != 0 ? __builtin_nan("") : reduce_large(x, n);
  }
  const double q = __builtin_rint(x * 0.63661977236758134308);
  *n = (int64_t)q;
  double r = __builtin_fma(q, -0x1.921fb54442d18p+0, x);
  r = __builtin_fma(q, -0x1.1a62633145c07p-54, r);
  return __builtin_fma(q, 0x1.f1976b7ed8fbcp-110, r);
}

INLINE double sin_near(double r) {
  const double z = r * r;
  double p = 1.0;
  UNROLL for (int i = 18; i >= 4; i -= 2) p = 1.0 - z / (i * (i + 1)) * p;
  return r - r * (z / 6) * p;
}

INLINE double cos_near(double r) {
  const double z = r * r;
  double p = 1.0;
  UNROLL for (int i = 17; i >= 3; i -= 2) p = 1.0 - z / (i * (i + 1)) * p;
  return 1.0 - z / 2 * p;
}

INLINE double sin_f64(double x) {
  int64_t n;
  const double r = reduce(x, &n);
  const double y = n & 1 ? cos_near(r) : sin_near(r);
  return n & 2 ? -y : y;
}

INLINE double cos_f64(double x) {
  int64_t n;
  const double r = reduce(x, &n);
  const double y = n & 1 ? sin_near(r) : cos_near(r);
  return (n + 1) & 2 ? -y : y;
}

INLINE double tan_f64(double x) {
  int64_t n;
  const double r = reduce(x, &n);
  const double s = sin_near(r), c = cos_near(r);
  return n & 1 ? -c / s : s / c;
}

/* Of k/8: the nearest of them is taken from the argument, and the series of the rest ends soon. */
static const double atan_of_eighths[9] = {0x0.0p+0, 0x1.fd5ba9aac2f6ep-4, 0x1.f5b75f92c80ddp-3, 0x1.6f61941e4def1p-2, 0x1.dac670561bb4fp-2, 0x1.1e00babdefeb4p-1, 0x1.4978fa3269ee1p-1, 0x1.700a7c5784634p-1, 0x1.921fb54442d18p-1};

INLINE double atan_f64(double x) {
  const double magnitude = __builtin_fabs(x);
  const int32_t large = magnitude > 1;
  const double a = large ? 1 / magnitude : magnitude;
  const double eighths = __builtin_rint(a * 8);
  const int32_t k = a == a ? (int32_t)eighths : 0;
  const double c = k / 8.0;
  const double r = (a - c) / (1 + a * c);
  const double z = r * r;
  double p = 1.0 / 19;
  UNROLL for (int odd = 17; odd >= 3; odd -= 2) p = 1.0 / odd - z * p;
  const double y = atan_of_eighths[k] + (r - r * z * p);
  return __builtin_copysign(large ? 0x1.921fb54442d18p+0 - y : y, x);
}

INLINE double asin_f64(double x) {
  const double c = __builtin_sqrt((1 - x) * (1 + x));
  return c == 0 ? __builtin_copysign(0x1.921fb54442d18p+0, x) : atan_f64(x / c);
}

INLINE double acos_f64(double x) {
  return x == -1 ? 2 * 0x1.921fb54442d18p+0 : 2 * atan_f64(__builtin_sqrt((1 - x) / (1 + x)));
}

INLINE double sinh_f64(double x) {
  const double a = __builtin_fabs(x);
  const double e = expm1_f64(a), t = exp_f64(0.5 * a);
  return __builtin_copysign(a < 1 ? 0.5 * (e + e / (e + 1)) : a < 700 ? 0.5 * (exp_f64(a) - exp_f64(-a)) : 0.5 * t * t, x);
}

INLINE double cosh_f64(double x) {
  const double t = exp_f64(0.5 * __builtin_fabs(x));
  const double e = exp_f64(-__builtin_fabs(x));
  return __builtin_fabs(x) < 700 ? 0.5 * (1 / e + e) : 0.5 * t * t;
}

INLINE double tanh_f64(double x) {
  const double a = __builtin_fabs(x);
  const double e = expm1_f64(2 * (a > 22 ? 22 : a));
  return x != x ? x : __builtin_copysign(a > 22 ? 1.0 : e / (e + 2), x);
}

INLINE double asinh_f64(double x) {
  const double a = __builtin_fabs(x);
  return __builtin_copysign(a > 1e150 ? log_f64(a) + 0.69314718055994530942
      : log1p_f64(a + a * a / (1 + __builtin_sqrt(1 + a * a))), x);
}

INLINE double acosh_f64(double x) {
  const double t = x - 1;
  return x > 1e150 ? log_f64(x) + 0.69314718055994530942 : log1p_f64(t + __builtin_sqrt(2 * t + t * t));
}

INLINE double atanh_f64(double x) {
  const double a = __builtin_fabs(x);
  return __builtin_copysign(0.5 * log1p_f64(2 * a / (1 - a)), x);
}

INLINE double sigmoid_f64(double x) {
  const double e = exp_f64(-__builtin_fabs(x));
  return (x < 0 ? e : 1.0) / (1.0 + e);
}

/* The series of positive terms below 3; above, 1 - erfc by its continued fraction. */
static __attribute__((noinline)) double erf_f64(double x) {
  const double a = __builtin_fabs(x);
  if (x != x) return x;
  double y;
  if (a < 3) {
    double term = a, sum = a;
    for (int i = 1; i < 100 && term > sum * 1e-18; i++) {
      term *= 2 * a * a / (2 * i + 1);
      sum += term;
    }
    y = 1.1283791670955125739 * exp_f64(-a * a) * sum;
  } else {
    double f = 0;
    for (int i = 60; i >= 1; i--) f = i * 0.5 / (a + f);
    y = a > 6 ? 1 : 1 - exp_f64(-a * a) * 0.56418958354775628695 / (a + f);
  }
  return __builtin_copysign(y, x);
}

/* The remainder of truncated division, exactly: x87's own instruction. */
static __attribute__((noinline)) double remainder_f64(double a, double b) {
  if (b == 0 || a - a != 0 || b != b) return __builtin_nan("");
  if (b - b != 0) return a;
  double r;
  __asm__("fldl %2\n\tfldl %1\n1:\tfprem\n\tfnstsw %%ax\n\ttestb $4, %%ah\n\tjnz 1b\n\tfstp %%st(1)\n\tfstpl %0"
      : "=m"(r) : "m"(a), "m"(b) : "ax", "cc", "st", "st(1)");
  return r;
}

INLINE double modulo_f64(double a, double b) {
  const double r = remainder_f64(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* Small whole exponents by multiplication, others by 2^(y log x); a negative base wants a whole exponent. */
static __attribute__((noinline)) double power_f64(double x, double y) {
  if (y == 0 || x == 1) return 1;
  if (x != x || y != y) return x + y;
  const int32_t whole = __builtin_trunc(y) == y;
  if (whole && __builtin_fabs(y) <= 64) {
    double p = 1, b = x;
    for (int32_t n = (int32_t)__builtin_fabs(y); n; n >>= 1, b *= b) p = n & 1 ? p * b : p;
    return y < 0 ? 1 / p : p;
  }
  const double a = __builtin_fabs(x);
  const int32_t odd = whole && __builtin_fabs(y) < 0x1p53 && ((int64_t)y & 1);
  if (x < 0 && !whole && a != __builtin_inf()) return __builtin_nan("");
  double r;
  if (a == 0 || a == __builtin_inf()) r = (a == 0) == (y < 0) ? __builtin_inf() : 0;
  else if (a == 1) r = 1;
  else if (y - y != 0) r = (a > 1) == (y > 0) ? __builtin_inf() : 0;
  else r = exp_f64(y * log_f64(a));
  return x < 0 && odd || x == 0 && odd && __builtin_signbit(x) ? -r : r;
}

/* ---- f32 ---- */
#define ROUNDED(NAME) INLINE float NAME##_f32(float x) { return (float)NAME##_f64((double)x); }
ROUNDED(exp) ROUNDED(log) ROUNDED(log1p) ROUNDED(expm1) ROUNDED(sin) ROUNDED(cos) ROUNDED(tan) ROUNDED(asin) ROUNDED(acos)
ROUNDED(atan) ROUNDED(sinh) ROUNDED(cosh) ROUNDED(tanh) ROUNDED(asinh) ROUNDED(acosh) ROUNDED(atanh) ROUNDED(sigmoid)
INLINE float remainder_f32(float a, float b) { return (float)remainder_f64(a, b); }
INLINE float modulo_f32(float a, float b) { return (float)modulo_f64(a, b); }
INLINE float power_f32(float a, float b) { return (float)power_f64(a, b); }

/* x times a polynomial in x^2, fitted on |x| < 4 to 1e-9; beyond that f32 has 1. */
INLINE float erf_f32(float x) {
  const double a = x > 4 ? 4 : x < -4 ? -4 : x;
  const double t = a * a * 0.125 - 1;
  double p = 0x1.42a8d020d1ffap-23;
  p = __builtin_fma(p, t, -0x1.0607e98fa630bp-21);
  p = __builtin_fma(p, t, 0x1.4f478994226e5p-21);
  p = __builtin_fma(p, t, -0x1.de9101d0d699fp-20);
  p = __builtin_fma(p, t, 0x1.e51fc86b01889p-18);
  p = __builtin_fma(p, t, -0x1.49734fde39151p-16);
  p = __builtin_fma(p, t, 0x1.8df374e531e85p-15);
  p = __builtin_fma(p, t, -0x1.e8c2222f307b2p-14);
  p = __builtin_fma(p, t, 0x1.213d5acca33f6p-12);
  p = __builtin_fma(p, t, -0x1.41ca785753da7p-11);
  p = __builtin_fma(p, t, 0x1.52cfbad59bd0fp-10);
  p = __builtin_fma(p, t, -0x1.51e20b8c2f64ep-9);
  p = __builtin_fma(p, t, 0x1.3e15ec4623753p-8);
  p = __builtin_fma(p, t, -0x1.1a03358f07e39p-7);
  p = __builtin_fma(p, t, 0x1.d6351076f2221p-7);
  p = __builtin_fma(p, t, -0x1.7034e06c498c6p-6);
  p = __builtin_fma(p, t, 0x1.0ed52cebd155bp-5);
  p = __builtin_fma(p, t, -0x1.76e866339dd54p-5);
  p = __builtin_fma(p, t, 0x1.ea97f13704649p-5);
  p = __builtin_fma(p, t, -0x1.3215d8a8e2cf4p-4);
  p = __builtin_fma(p, t, 0x1.717efc78bb244p-4);
  p = __builtin_fma(p, t, -0x1.b92e95c20c562p-4);
  p = __builtin_fma(p, t, 0x1.0dabaf0612db9p-3);
  p = __builtin_fma(p, t, -0x1.69a0ccda3d5bcp-3);
  p = __builtin_fma(p, t, 0x1.6a040781a49a1p-2);
  return x != x ? x : (float)(a * p);
}
