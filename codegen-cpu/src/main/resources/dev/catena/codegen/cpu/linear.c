static void ${name}(int32_t rows, const float *x, int32_t x_stride, float *y, int32_t y_stride, const void *weight,
                    const float *bias, const float *residual, int32_t residual_stride, char *scratch,
                    const catena_thread *thread) {
${choose}
}
