/* ${name}: y[r, n] = sum over k of x[r, k] W[n, k] (+ bias[n]) (+ residual[r, n]). W ${n} x ${k} in ${element}, [N / 16][K][16].
   Each sum is one chain in the order of k, whichever loop computes it: a row's result doesn't depend on its company. */
#define N ${n}
#define K ${k}
#define BLOCKS ((N + 15) / 16)
#define BLOCK_BYTES (K * 16ll * ${element_bytes})

INLINE f32x16 ${name}_load(const char *block, int32_t k) { return ${load}((const ${element} *)block + 16 * k); }
