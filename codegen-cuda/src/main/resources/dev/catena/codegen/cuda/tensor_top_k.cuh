/* The k first of each line of `length` elements that are `inner` apart, in order; equal ones by their index. A thread a line. */
extern "C" __global__ void top_k_${name}(catena_graph *g, const int64_t *when, const int64_t *to_, const int64_t *x_,
    const int64_t *places_, const int64_t *outer_, const int64_t *length_, const int64_t *inner_, const int64_t *k_,
    const int64_t *largest_) {
  if (!g->slots[0] || !*when) return;
  ${t} *const to = (${t} *)*to_;
  const ${t} *const x = (const ${t} *)*x_;
  int64_t *const places = (int64_t *)*places_;
  const int64_t length = *length_, inner = *inner_, k = *k_, largest = *largest_, lines = *outer_ * inner;
  for (int64_t line = first_element(); line < lines; line += element_step()) {
    const int64_t o = line / inner, j = line % inner;
    const ${t} *from = x + o * length * inner + j;
    ${t} *best = to + o * k * inner + j;
    int64_t *place = places + o * k * inner + j;
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
