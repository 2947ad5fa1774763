/* ---- memory: an account of it, which gives the same places wherever it is kept in the same order ---- */
enum { HOLES = 128 };
typedef struct {
  int64_t end;
  int32_t holes;
  struct { int64_t at, bytes; } hole[HOLES];
} heap;

/* The bytes of a tensor, or -1 where they can't be counted. */
NOINLINE int64_t tensor_bytes(const int64_t *dims, int32_t rank, int64_t width) {
  int64_t n = width;
  int32_t empty = 0;
  for (int32_t i = 0; i < rank; i++) {
    if (dims[i] < 0) return -1;
    empty |= dims[i] == 0;
  }
  if (empty) return 0;
  for (int32_t i = 0; i < rank; i++) {
    if (dims[i] > (1L << 50) / n) return -1;
    n *= dims[i];
  }
  return n;
}

/* Room for as many bytes: in the first hole that is large enough, else at the end. -1 where there is none. */
NOINLINE int64_t heap_take(heap *h, int64_t limit, int64_t bytes) {
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
  if (bytes > limit - h->end) return -1;
  h->end += bytes;
  return h->end - bytes;
}

NOINLINE void heap_give(heap *h, int64_t at, int64_t bytes) {
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
