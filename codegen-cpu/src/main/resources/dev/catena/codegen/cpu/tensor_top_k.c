/* The k first of each line of `length` elements that are `inner` apart, in order; equal ones by their index. */
KERNEL void top_k_${name}(${t} *values, const ${t} *x, int64_t *indices, int64_t outer, int64_t length,
    int64_t inner, int64_t k, int64_t largest) {
  for (int64_t o = 0; o < outer; o++)
    for (int64_t j = 0; j < inner; j++) {
      const ${t} *from = x + o * length * inner + j;
      ${t} *best = values + o * k * inner + j;
      int64_t *place = indices + o * k * inner + j;
      for (int64_t i = 0, found = 0; i < length; i++) {
        const ${scalar} value = ${load};
        int64_t at = found;
        while (at > 0) {
          const ${scalar} other = ${load_other};
          if (largest ? !(value > other) : !(value < other)) break;
          at--;
        }
        if (at >= k) continue;
        found = found < k ? found + 1 : k;
        for (int64_t m = found - 1; m > at; m--) {
          best[m * inner] = best[(m - 1) * inner];
          place[m * inner] = place[(m - 1) * inner];
        }
        best[at * inner] = from[i * inner];
        place[at * inner] = i;
      }
    }
}
