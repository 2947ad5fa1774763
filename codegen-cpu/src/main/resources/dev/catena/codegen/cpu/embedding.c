/* ${name}: one row of the table for each token; ${layout}. */
#define VOCABULARY ${vocabulary}
#define WIDTH ${width}
#define ROW_BYTES ${row_bytes}ll

static void ${name}(const catena_step *step, const char *table, float *y, int32_t y_stride, const catena_thread *thread) {
  const int32_t end = share_begin(step->rows, thread->id + 1, thread->count);
  for (int32_t r = share_begin(step->rows, thread->id, thread->count); r < end; r++) {
    /* The runtime has checked the ids; a wrong one must still not read elsewhere. */
    const uint32_t token = (uint32_t)step->tokens[r] < VOCABULARY ? (uint32_t)step->tokens[r] : 0;
    const char *row = table + token * ROW_BYTES;
    float *out = y + (int64_t)r * y_stride;
${expand}
  }
}
