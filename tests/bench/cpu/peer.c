/* llama.cpp behind the line protocol of compare.py, linked to the shared libraries that npm's node-llama-cpp ships.

   peer measure MODEL.gguf BACKENDS   BACKENDS: the folder of libggml-cpu-*.so (the best for this CPU is taken), or one of them
   peer quantize IN.gguf OUT.gguf TYPE HEAD THREADS   TYPE, HEAD: q4_0, q8_0, f16; HEAD is the output matrix's */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "ggml-backend.h"
#include "llama.h"

#define LONGEST 4096

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void fail(const char *text) {
  fprintf(stderr, "peer: %s\n", text);
  exit(1);
}

static void quiet(enum ggml_log_level level, const char *text, void *unused) {
  (void)unused;
  if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

static enum ggml_type element(const char *name) {
  if (!strcmp(name, "q4_0")) return GGML_TYPE_Q4_0;
  if (!strcmp(name, "q8_0")) return GGML_TYPE_Q8_0;
  return GGML_TYPE_F16;
}

static int quantize(char **argv) {
  struct llama_model_quantize_params parameters = llama_model_quantize_default_params();
  parameters.ftype = !strcmp(argv[2], "q4_0") ? LLAMA_FTYPE_MOSTLY_Q4_0 : LLAMA_FTYPE_MOSTLY_Q8_0;
  parameters.output_tensor_type = element(argv[3]);
  parameters.nthread = atoi(argv[4]);
  return llama_model_quantize(argv[0], argv[1], &parameters) ? 1 : 0;
}

static struct llama_context *context;
static int vocabulary;

static int decode_step(llama_token *tokens, int count) {
  if (llama_decode(context, llama_batch_get_one(tokens, count))) fail("llama_decode failed");
  const float *logits = llama_get_logits_ith(context, -1);
  int best = 0;
  for (int i = 1; i < vocabulary; i++) if (logits[i] > logits[best]) best = i;
  return best;
}

static long resident_kib(void) {
  long pages = 0, unused;
  FILE *f = fopen("/proc/self/statm", "r");
  if (!f || fscanf(f, "%ld %ld", &unused, &pages) != 2) fail("no /proc/self/statm");
  fclose(f);
  return pages * 4;
}

static int measure(const char *path, const char *backends) {
  struct stat info;
  if (stat(backends, &info)) fail("no such backend");
  if (S_ISDIR(info.st_mode)) ggml_backend_load_all_from_path(backends);
  else if (!ggml_backend_load(backends)) fail("this CPU can't run that backend");
  const double start = now();
  struct llama_model *model = llama_model_load_from_file(path, llama_model_default_params());
  if (!model) fail("the model can't be loaded");
  struct llama_context_params parameters = llama_context_default_params();
  parameters.n_ctx = 2048 + 128;
  parameters.n_batch = 512;
  parameters.n_ubatch = 512;
  parameters.n_threads = parameters.n_threads_batch = 2;
  context = llama_init_from_model(model, parameters);
  if (!context) fail("no context");
  vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
  llama_token tokens[LONGEST] = {1};
  llama_token next = decode_step(tokens, 1);
  printf("open %.6f %.6f\n", now() - start, 0.0);
  fflush(stdout);

  char command[64];
  int count;
  while (scanf("%63s %d", command, &count) == 2) {
    if (count < 0 || count > LONGEST) fail("a count out of range");
    const double begin = now();
    if (!strcmp(command, "threads")) {
      llama_set_n_threads(context, count, count);
    } else if (!strcmp(command, "prefill")) {
      llama_memory_clear(llama_get_memory(context), true);
      for (int i = 0; i < count; i++) tokens[i] = (llama_token)(i * 7919l % vocabulary);
      for (int i = 0; i < count; i += 512) next = decode_step(tokens + i, count - i < 512 ? count - i : 512);
    } else if (!strcmp(command, "decode")) {
      for (int i = 0; i < count; i++) next = decode_step(&next, 1);
    } else if (!strcmp(command, "resident")) {
      printf("%ld\n", resident_kib());
      fflush(stdout);
      continue;
    } else {
      fail("unknown command");
    }
    printf("%.6f\n", now() - begin);
    fflush(stdout);
  }
  return 0;
}

int main(int argc, char **argv) {
  llama_log_set(quiet, 0);
  if (argc == 4 && !strcmp(argv[1], "measure")) return measure(argv[2], argv[3]);
  if (argc == 7 && !strcmp(argv[1], "quantize")) {
    ggml_backend_load_all_from_path(getenv("PEER_BACKENDS"));
    return quantize(argv + 2);
  }
  fail("usage: peer measure MODEL BACKENDS | peer quantize IN OUT TYPE HEAD THREADS");
}
