/* ${name}: the table's row of each ${key}; ${layout}. */
#define VOCABULARY ${vocabulary}
#define WIDTH ${width}
#define ROWS_TOGETHER ${rows_together}
#define ROW_BYTES ${row_bytes}ll /* of the rows that lie together */

static void ${name}(const catena_step *step, const char *table, float *y, int32_t y_stride, const catena_thread *thread) {
  const int32_t end = share_begin(step->rows, thread->id + 1, thread->count);
  for (int32_t r = share_begin(step->rows, thread->id, thread->count); r < end; r++) {
    /* The runtime has checked each ${key}; a wrong one must still not read elsewhere. */
    const uint32_t key = (uint32_t)step->${key}s[r] < VOCABULARY ? (uint32_t)step->${key}s[r] : 0;
    const char *row = table + key / ROWS_TOGETHER * ROW_BYTES;
    float *out = y + (int64_t)r * y_stride;
${expand}
  }
}
