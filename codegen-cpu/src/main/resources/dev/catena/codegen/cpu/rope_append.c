/* ${name}: rotates q and k by the rows' positions, writes k and v to the cache. Pairs are an element and the
   one ROTARY / 2 behind it, or neighbours where interleaved; from ROTARY on a head passes through. */
#define HEADS ${heads}
#define KV_HEADS ${kv_heads}
#define DIM ${dim}
#define ROTARY ${rotary}
#define INTERLEAVED ${interleaved}
#define TABLE_ROWS ${table_rows}
#define PAGE_BYTES ${page_bytes}ll
#define HEAD_BYTES ${head_bytes}

INLINE void ${name}_rotate(const float *x, const ${table_element} *cos, const ${table_element} *sin, float *out) {
  for (int32_t pair = 0; pair < ROTARY / 2; pair++) {
    const int32_t i = INTERLEAVED ? 2 * pair : pair, j = INTERLEAVED ? i + 1 : i + ROTARY / 2;
    out[i] = x[i] * (float)cos[i] - x[j] * (float)sin[i];
    out[j] = x[j] * (float)cos[j] + x[i] * (float)sin[j];
  }
  for (int32_t i = ROTARY; i < DIM; i++) out[i] = x[i];
}

static void ${name}(const catena_step *step, const float *q, int32_t q_stride, const float *k, int32_t k_stride,
                    const float *v, int32_t v_stride, float *y, int32_t y_stride, const ${table_element} *cos,
                    const ${table_element} *sin, char *kv, const catena_thread *thread) {
  const int32_t items = step->rows * (HEADS + 2 * KV_HEADS);
  const int32_t end = share_begin(items, thread->id + 1, thread->count);
  for (int32_t item = share_begin(items, thread->id, thread->count); item < end; item++) {
    const int64_t r = item / (HEADS + 2 * KV_HEADS);
    const int32_t head = item % (HEADS + 2 * KV_HEADS);
    const int32_t position = step->positions[r];
    const int64_t table_row = ROTARY * (int64_t)least(position, TABLE_ROWS - 1);
    float rotated[DIM];
    if (head < HEADS) {
      ${name}_rotate(q + r * q_stride + head * DIM, cos + table_row, sin + table_row, rotated);
      __builtin_memcpy(y + r * y_stride + head * DIM, rotated, sizeof rotated);
      continue;
    }
    const int32_t kv_head = (head - HEADS) % KV_HEADS;
    char *cached = kv_head_of(kv, step, step->row_sequence[r], position / 64, PAGE_BYTES, kv_head, HEAD_BYTES);
    if (head < HEADS + KV_HEADS) {
      ${name}_rotate(k + r * k_stride + kv_head * DIM, cos + table_row, sin + table_row, rotated);
      kv_store_${k_element}(cached, cached + ${k_pairs}, DIM, position % 64, rotated);
    } else {
      kv_store_${v_element}(cached + ${v_codes}, cached + ${v_pairs}, DIM, position % 64, v + r * v_stride + kv_head * DIM);
    }
  }
}
