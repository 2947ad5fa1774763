/* Integers of less than 8 bits, in a byte each. */
INLINE int8_t round_i4(int8_t x) { return (int8_t)((int8_t)((uint8_t)x << 4) >> 4); }
INLINE int8_t round_i2(int8_t x) { return (int8_t)((int8_t)((uint8_t)x << 6) >> 6); }
INLINE uint8_t round_u4(uint8_t x) { return x & 15; }
INLINE uint8_t round_u3(uint8_t x) { return x & 7; }
INLINE uint8_t round_u2(uint8_t x) { return x & 3; }

/* Floats of 8 and 4 bits: mantissa bits, the exponent of the smallest normal number, the largest finite number. */
INLINE double power_of_two(int32_t n) { return f64_of_bits((uint64_t)(n + 1023) << 52); }
INLINE int32_t exponent_of(double x) { return (int32_t)(bits_f64(x) >> 52 & 0x7ff) - 1023; }

INLINE float round_narrow(double x, int32_t mantissa, int32_t least, double largest, int32_t infinite, int32_t zeros, float nan,
    int32_t saturate) {
  if (x != x) return nan;
  double a = absolute_f64(x);
  if (a - a == 0) {
    const int32_t e = exponent_of(a) < least ? least : exponent_of(a);
    a = round_f64(a * power_of_two(mantissa - e)) * power_of_two(e - mantissa);
  }
  if (a > largest) a = saturate ? largest : infinite ? f64_of_bits(0x7ff0000000000000ul) : f64_of_bits(0x7ff8000000000000ul);
  return a == 0 && !zeros ? 0.0f : (float)copy_sign_f64(a, x);
}

INLINE float value_narrow(uint32_t bits, int32_t width, int32_t mantissa, int32_t least, double largest, int32_t infinite,
    int32_t zeros) {
  const uint32_t sign = bits >> (width - 1) & 1, pattern = bits & ((1u << (width - 1)) - 1);
  if (!zeros && sign && !pattern) return f32_of_bits(0x7fc00000u);
  const int32_t e = (int32_t)(pattern >> mantissa);
  const double fraction = pattern & ((1u << mantissa) - 1);
  double a = e == 0 ? fraction * power_of_two(least - mantissa)
      : (fraction + (1 << mantissa)) * power_of_two(least + e - 1 - mantissa);
  if (a > largest) a = infinite && fraction == 0 ? f64_of_bits(0x7ff0000000000000ul) : f64_of_bits(0x7ff8000000000000ul);
  return (float)(sign ? -a : a);
}

INLINE uint8_t narrow_of(float x, int32_t width, int32_t mantissa, int32_t least, uint8_t nan, uint8_t infinity) {
  if (x != x) return nan;
  const uint32_t sign = bits_f32(x) >> 31 ? 1u << (width - 1) : 0;
  const double a = absolute_f64((double)x);
  if (a - a != 0) return (uint8_t)(sign | infinity);
  const int32_t e = exponent_of(a);
  const uint32_t pattern = a < power_of_two(least) ? (uint32_t)(a * power_of_two(mantissa - least))
      : (uint32_t)(e - least + 1) << mantissa | (uint32_t)((a * power_of_two(-e) - 1) * (1 << mantissa));
  return (uint8_t)(sign | pattern);
}

#define NARROW(NAME, WIDTH, MANTISSA, LEAST, LARGEST, INFINITE, ZEROS, NAN_VALUE, NAN_BITS, INFINITY_BITS)                  \
  INLINE float round_##NAME(double x, int32_t saturate) {                                                                   \
    return round_narrow(x, MANTISSA, LEAST, LARGEST, INFINITE, ZEROS, NAN_VALUE, saturate || WIDTH < 8);                               \
  }                                                                                                                         \
  INLINE float value_##NAME(uint8_t x) { return value_narrow(x, WIDTH, MANTISSA, LEAST, LARGEST, INFINITE, ZEROS); }        \
  INLINE uint8_t NAME##_of(float x) { return narrow_of(x, WIDTH, MANTISSA, LEAST, NAN_BITS, INFINITY_BITS); }
NARROW(f8e4m3fn, 8, 3, -6, 448, 0, 1, f32_of_bits(0x7fc00000u), 0x7f, 0x7f)
NARROW(f8e4m3fnuz, 8, 3, -7, 240, 0, 0, f32_of_bits(0x7fc00000u), 0x80, 0x80)
NARROW(f8e5m2, 8, 2, -14, 57344, 1, 1, f32_of_bits(0x7fc00000u), 0x7f, 0x7c)
NARROW(f8e5m2fnuz, 8, 2, -15, 57344, 0, 0, f32_of_bits(0x7fc00000u), 0x80, 0x80)
NARROW(f4e2m1, 4, 1, 0, 6, 0, 1, -0.0f, 8, 7)

/* Powers of two, without a sign; mode 0 rounds up, 1 down, 2 to the nearest. */
INLINE float value_f8e8m0(uint8_t x) { return x == 255 ? f32_of_bits(0x7fc00000u) : (float)power_of_two((int32_t)x - 127); }
INLINE uint8_t f8e8m0_of(float x) { return x != x ? 255 : (uint8_t)(exponent_of(x) + 127); }
INLINE float round_f8e8m0(double x, int32_t saturate, int32_t mode) {
  const double a = absolute_f64(x);
  if (a != a || (!saturate && (a == 0 || a - a != 0))) return f32_of_bits(0x7fc00000u);
  const int32_t e = exponent_of(a), infinite = a - a != 0;
  const double fraction = infinite || e < -1022 ? 1 : a * power_of_two(-e > 1023 ? 1023 : -e);
  const int32_t up = mode == 0 ? fraction > 1 : mode == 2 && fraction >= 1.5;
  const int32_t rounded = e + up;
  if (!saturate && (rounded > 127 || rounded < -127)) return f32_of_bits(0x7fc00000u);
  return (float)power_of_two(rounded > 127 ? 127 : rounded < -127 ? -127 : rounded);
}
