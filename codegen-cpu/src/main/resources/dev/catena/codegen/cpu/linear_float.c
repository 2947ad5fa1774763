/* ${name}: y[r, n] = sum over k of x[r, k] W[n, k] (+ bias[n]) (+ residual[r, n]). W ${n} x ${k} in ${element}, [N / 16][K][16].
   Each sum is one chain in the order of k, whichever loop computes it: a row's result doesn't depend on its company. */
#define N ${n}
#define K ${k}
#define BLOCKS ((N + 15) / 16)
#define BLOCK_BYTES (K * 16ll * ${element_bytes})

INLINE f32x16 ${name}_column(const char *block, int32_t k) { return ${load}((const ${element} *)block + 16 * k); }

/* Columns k0 ... k1 - 1 of one block, as f32 [k1 - k0][16]. */
static void ${name}_tile(const char *block, int32_t k0, int32_t k1, float *tile) {
  for (int32_t k = k0; k < k1; k++) store16(tile + 16 * (k - k0), ${name}_column(block, k));
}
