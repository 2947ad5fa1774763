/* Lets Java load generated libraries and call their stage functions: a test's stand-in for the runtime's stub. */
#include <stdint.h>

extern void *dlopen(const char *path, int flags);
extern void *dlsym(void *library, const char *name);
extern int dlclose(void *library);
extern int sched_yield(void);
extern int madvise(void *address, uint64_t bytes, int advice);
extern long syscall(long number, ...);

/* The system's leave to use AMX, which a process has to ask for once, before its first tile. */
__attribute__((constructor)) static void ask_for_tiles(void) { syscall(158 /* arch_prctl */, 0x1023, 18); }

#define JAVA(name) __attribute__((visibility("default"))) Java_dev_catena_codegen_cpu_NativeLibrary_##name

int64_t JAVA(open)(void *env, void *cls, int64_t path) {
  return (int64_t)dlopen((const char *)path, 2 /* RTLD_NOW, local */);
}

int64_t JAVA(symbol)(void *env, void *cls, int64_t library, int64_t name) {
  return (int64_t)dlsym((void *)library, (const char *)name);
}

void JAVA(close)(void *env, void *cls, int64_t library) { dlclose((void *)library); }

/* Asks for 2 MB pages, as the runtime does for weights. */
void JAVA(wantHugePages)(void *env, void *cls, int64_t address, int64_t bytes) {
  const int64_t begin = (address + 4095) & -4096ll;
  madvise((void *)begin, (uint64_t)((address + bytes - begin) & -4096ll), 14 /* MADV_HUGEPAGE */);
}

typedef struct {
  int32_t id, count;
  void (*barrier)(void *team, int32_t id);
  void *team;
  uint64_t *shares;
} catena_thread;

typedef struct {
  int32_t count, waiting, phase;
  _Alignas(64) uint64_t shares[64][8];
} team;

static void barrier(void *shared, int32_t id) {
  team *t = shared;
  const int32_t phase = __atomic_load_n(&t->phase, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&t->waiting, 1, __ATOMIC_ACQ_REL) == t->count) {
    t->waiting = 0;
    __atomic_store_n(&t->phase, phase + 1, __ATOMIC_RELEASE);
    return;
  }
  for (int spins = 0; __atomic_load_n(&t->phase, __ATOMIC_ACQUIRE) == phase; spins++)
    if (spins > 1000) sched_yield();
}

/* Calls a stage function as thread `id` of `count`, with a barrier after it. */
void JAVA(call)(void *env, void *cls, int64_t function, int64_t stage, int64_t shared, int32_t id, int32_t count) {
  ((team *)shared)->count = count;
  const catena_thread thread = {id, count, barrier, (void *)shared, ((team *)shared)->shares[0]};
  ((void (*)(const void *, const catena_thread *))function)((const void *)stage, &thread);
  barrier((void *)shared, id);
}

/* Calls a stage function once as thread `id` of `count`; thread `late` begins when all others wait for it. */
void JAVA(callLate)(void *env, void *cls, int64_t function, int64_t stage, int64_t shared, int32_t id, int32_t count, int32_t late) {
  team *t = (team *)shared;
  t->count = count;
  const catena_thread thread = {id, count, barrier, t, t->shares[0]};
  while (id == late && __atomic_load_n(&t->waiting, __ATOMIC_ACQUIRE) < count - 1) sched_yield();
  ((void (*)(const void *, const catena_thread *))function)((const void *)stage, &thread);
  barrier(t, id);
}

int64_t JAVA(shareOf)(void *env, void *cls, int64_t shared, int32_t id) { return (int64_t)((team *)shared)->shares[id][0]; }

/* Calls a stage function with stages[0], stages[1], … in turn: the weights of each are elsewhere in memory. */
void JAVA(callEach)(void *env, void *cls, int64_t function, int64_t stages, int32_t stageCount, int64_t shared, int32_t id,
                    int32_t count) {
  ((team *)shared)->count = count;
  const catena_thread thread = {id, count, barrier, (void *)shared, ((team *)shared)->shares[0]};
  for (int32_t i = 0; i < stageCount; i++) {
    ((void (*)(const void *, const catena_thread *))function)(((const void *const *)stages)[i], &thread);
    barrier((void *)shared, id);
  }
}
