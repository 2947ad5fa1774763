/* ---- a graph in several functions: what one computes for another lies in slots of its thread's frame ---- */
typedef union {
  void *data;
  int64_t index, i64;
  uint64_t u64;
  double f64;
  float f32;
  int32_t i32;
  uint32_t u32;
  int16_t i16;
  uint16_t u16;
  int8_t i8;
  uint8_t u8, bool;
} slot;

/* This thread's frame, in memory that all of them take. */
static __attribute__((noinline)) slot *frame(heap *h, catena_graph *g, const catena_thread *t, int64_t slots) {
  slots = (slots + 7) / 8 * 8; /* no two threads write to one line */
  slot *const all = take(h, g, slots * sizeof(slot) * t->count, 0);
  return all ? all + slots * t->id : 0;
}
