/* The calling convention of docs/cpu-abi.md. */
#include <stdint.h>

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
  uint64_t *shares;
} catena_thread;
