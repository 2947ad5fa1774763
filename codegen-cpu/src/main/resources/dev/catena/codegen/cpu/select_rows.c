/* ${name}: the selected rows, end to end. */
static void ${name}(const catena_step *step, const float *x, int32_t x_stride, float *y, int32_t y_stride,
                    const catena_thread *thread) {
  const int32_t end = share_begin(step->selected, thread->id + 1, thread->count);
  for (int32_t i = share_begin(step->selected, thread->id, thread->count); i < end; i++)
    __builtin_memcpy(y + (int64_t)i * y_stride, x + (int64_t)step->selected_rows[i] * x_stride, ${columns} * sizeof(float));
}
