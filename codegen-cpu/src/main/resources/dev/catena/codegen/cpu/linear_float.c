/* ${name}: y[r, n] = sum over k of x[r, k] W[n, k] (+ bias[n]) (+ residual[r, n]). W ${n} x ${k} in ${element}, [N / 16][K][16]. */
#define N ${n}
#define K ${k}
#define BLOCKS ((N + 15) / 16)
#define BLOCK_BYTES (K * 16ll * ${element_bytes})
#define PREPARED_BYTES (K * 4ll)

INLINE f32x16 ${name}_column(const char *block, int32_t k) { return ${load}((const ${element} *)block + 16 * k); }

static void ${name}_prepare(const float *x, char *prepared) { __builtin_memcpy(prepared, x, K * sizeof(float)); }

INLINE void ${name}_dot(const int M, const char *block, const char *prepared, f32x16 *y) {
  const float *x = (const float *)prepared;
  f32x16 sums[MOST_STREAMED_TOGETHER][CHAINS];
  UNROLL for (int m = 0; m < M; m++)
    UNROLL for (int i = 0; i < CHAINS; i++) sums[m][i] = splat(0);
  int32_t k = 0;
  for (; k + CHAINS <= K; k += CHAINS) {
    __builtin_prefetch(block + (k * 16ll) * ${element_bytes} + PREFETCH);
    UNROLL for (int i = 0; i < CHAINS; i++) {
      const f32x16 column = ${name}_column(block, k + i);
      UNROLL for (int m = 0; m < M; m++) sums[m][i] = fma16(splat(x[m * K + k + i]), column, sums[m][i]);
    }
  }
  for (; k < K; k++) {
    const f32x16 column = ${name}_column(block, k);
    UNROLL for (int m = 0; m < M; m++) sums[m][0] = fma16(splat(x[m * K + k]), column, sums[m][0]);
  }
  UNROLL for (int m = 0; m < M; m++) {
    y[m] = sums[m][0];
    UNROLL for (int i = 1; i < CHAINS; i++) y[m] += sums[m][i];
  }
}

static void ${name}_tile(const char *block, int32_t k0, int32_t k1, float *tile) {
  for (int32_t k = k0; k < k1; k++) store16(tile + 16 * (k - k0), ${name}_column(block, k));
}
