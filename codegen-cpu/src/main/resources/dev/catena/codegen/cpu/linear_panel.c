/* A panel of rows, whose digits the caches hold. */
static void ${name}_panel(int32_t rows, const float *x, int32_t x_stride, float *y, int32_t y_stride,
                          const char *weight, const float *bias, const float *residual, int32_t residual_stride,
                          char *scratch, const catena_thread *thread) {
  for (int32_t r = 0; r < rows; r++) ${name}_prepare(x + (int64_t)r * x_stride, scratch + r * PREPARED_BYTES);
  chunks work = share_work(thread, BLOCKS, BLOCKS_BY_1);
  for (chunk c; next_chunk(&work, thread, &c);)
    ${name}_streamed(rows, y, y_stride, weight, bias, residual, residual_stride, scratch, c.first, c.end,
                     c.of == thread->id ? c.share_end : c.end);
}
