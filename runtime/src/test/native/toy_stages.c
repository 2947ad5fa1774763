/*
 * A model by hand, for testing the runtime without the compiler: stages as docs/cpu-abi.md has them, plain C, and a
 * decoder whose output depends on every cached position. ToyModel.java computes the same in Java, in the same order.
 */
typedef signed int int32_t;
typedef signed long int64_t;

typedef struct {
  int32_t rows, sequences, selected, page_table_stride;
  const int32_t *tokens, *positions, *row_sequence, *page_table, *selected_rows;
} catena_step;

typedef struct {
  void *arena;
  void *kv;
  const void *const *weights;
  const catena_step *step;
  char *scratch;
  int64_t scratch_stride;
  const void *input;
  void *output;
} catena_stage;

typedef struct {
  int32_t id, count;
  void (*barrier)(void *team, int32_t id);
  void *team;
  unsigned long *shares;
} catena_thread;

#define STAGE(name) __attribute__((visibility("default"))) void name(const catena_stage *s, const catena_thread *t)
enum { HIDDEN = 24, VOCAB = 50, PAGE = 64 };

/* Replaced in the library's bytes by a test: 13.25f, found nowhere else. */
static const volatile float toy_scale = 13.25f;

STAGE(toy_embed) {
  const float *table = s->weights[0];
  float *out = s->output;
  for (int32_t r = t->id; r < s->step->rows; r += t->count)
    for (int h = 0; h < HIDDEN; h++) out[r * HIDDEN + h] = table[s->step->tokens[r] * HIDDEN + h];
}

/* Writes the rows to the cache as they are (its V part stays unused), then mixes each with all before it. */
STAGE(toy_decoder) {
  const catena_step *step = s->step;
  const float *mix = s->weights[0];
  const float *in = s->input;
  float *out = s->output, *arena = s->arena;
  const int64_t page_floats = 2 * PAGE * HIDDEN;
  for (int32_t r = t->id; r < step->rows; r += t->count) {
    const int32_t *pages = step->page_table + step->row_sequence[r] * step->page_table_stride;
    int32_t at = step->positions[r];
    float *row = (float *)s->kv + pages[at / PAGE] * page_floats + at % PAGE * HIDDEN;
    for (int h = 0; h < HIDDEN; h++) row[h] = in[r * HIDDEN + h];
  }
  t->barrier(t->team, t->id);
  for (int64_t i = t->id; i < (int64_t)step->rows * HIDDEN; i += t->count) {
    int32_t r = (int32_t)(i / HIDDEN), h = (int32_t)(i % HIDDEN);
    const int32_t *pages = step->page_table + step->row_sequence[r] * step->page_table_stride;
    float sum = 0;
    for (int32_t p = 0; p <= step->positions[r]; p++)
      sum = sum * 0.5f + ((const float *)s->kv)[pages[p / PAGE] * page_floats + p % PAGE * HIDDEN + h];
    arena[i] = sum * mix[h];
  }
  t->barrier(t->team, t->id);
  /* The other half by other threads: reads what they wrote to the arena. */
  for (int64_t i = t->count - 1 - t->id; i < (int64_t)step->rows * HIDDEN; i += t->count) out[i] = in[i] + arena[i];
}

STAGE(toy_norm) {
  const float *in = s->input;
  float *out = s->output;
  for (int32_t r = t->id; r < s->step->selected; r += t->count)
    for (int h = 0; h < HIDDEN; h++) out[r * HIDDEN + h] = in[s->step->selected_rows[r] * HIDDEN + h] * toy_scale;
}

STAGE(toy_head) {
  const float *table = s->weights[0];
  const float *in = s->input;
  float *out = s->output;
  for (int32_t r = 0; r < s->step->selected; r++)
    for (int v = t->id; v < VOCAB; v += t->count) {
      float sum = 0;
      for (int h = 0; h < HIDDEN; h++) sum += in[r * HIDDEN + h] * table[v * HIDDEN + h];
      out[r * VOCAB + v] = sum;
    }
}
