/*
 * The runtime's only native code: memory, loading of compiled stages, CPU features, and the team of threads that runs
 * them (docs/cpu-abi.md). It needs no headers, so that the clang inside the JavaCPP preset builds it on any machine.
 *
 * The JVM calls it through dev.catena.runtime.cpu.Native, whose Javadoc says what each function means. Functions that
 * can fail give -errno. Buffers passed from Java are direct ones.
 */
typedef signed int int32_t;
typedef unsigned int uint32_t;
typedef signed long int64_t;
typedef unsigned long uint64_t;
typedef unsigned long size_t;

#define EXPORT __attribute__((visibility("default")))
#define NATIVE(type, name, ...) EXPORT type Java_dev_catena_runtime_cpu_Native_##name(void **env, void *cls, ##__VA_ARGS__)

/* ---- libc, from the process ---- */
extern void *mmap(void *, size_t, int, int, int, long);
extern int munmap(void *, size_t);
extern int madvise(void *, size_t, int);
extern int open(const char *, int, ...);
extern int close(int);
extern long write(int, const void *, size_t);
extern long lseek(int, long, int);
extern long syscall(long, ...);
extern void *dlopen(const char *, int);
extern void *dlsym(void *, const char *);
extern int dlclose(void *);
extern char *dlerror(void);
extern int *__errno_location(void);
extern void *memcpy(void *, const void *, size_t);
extern void *memset(void *, int, size_t);

enum { PROT_NONE = 0, PROT_READ = 1, PROT_WRITE = 2, HUGE_PAGE = 2 << 20 };
enum { MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20, MAP_NORESERVE = 0x4000 };
enum { MADV_WILLNEED = 3, MADV_DONTNEED = 4, MADV_HUGEPAGE = 14 };
enum { O_RDONLY = 0, O_CLOEXEC = 02000000, SEEK_END = 2 };
enum { RTLD_NOW = 2, RTLD_LOCAL = 0 };
enum { SYS_sched_yield = 24, SYS_getrusage = 98, SYS_arch_prctl = 158, SYS_futex = 202, SYS_memfd_create = 319 };
enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129, RUSAGE_THREAD = 1 };
enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18, MFD_CLOEXEC = 1, ENOMEM = 12 };

static long failure(void) { return -(long)*__errno_location(); }

/* ---- the JNI functions used, by their index in the table ---- */
static void *buffer_address(void **env, void *buffer) {
  void *(*get)(void **, void *) = ((void ***)env)[0][230];
  return get(env, buffer);
}

static void *new_buffer(void **env, void *address, int64_t bytes) {
  void *(*make)(void **, void *, int64_t) = ((void ***)env)[0][229];
  return make(env, address, bytes);
}

/* ---- memory ---- */
NATIVE(int64_t, address, void *buffer) { return (int64_t)buffer_address(env, buffer); }
NATIVE(void *, view, int64_t address, int64_t bytes) { return new_buffer(env, (void *)address, bytes); }
NATIVE(void, copy, int64_t to, int64_t from, int64_t bytes) { memcpy((void *)to, (void *)from, bytes); }

NATIVE(int64_t, openFile, void *path) {
  int fd = open(buffer_address(env, path), O_RDONLY | O_CLOEXEC);
  return fd < 0 ? failure() : fd;
}

NATIVE(int64_t, fileSize, int32_t fd) {
  long size = lseek(fd, 0, SEEK_END);
  return size < 0 ? failure() : size;
}

NATIVE(void, closeFile, int32_t fd) { close(fd); }

/*
 * At an address that huge pages can lie at, and asking for them: then what isn't cached yet is read in huge pages, and what was
 * written so is mapped so (dev.catena.artifact.HugePageFile). A kernel that has none is told to read ahead instead.
 */
NATIVE(int64_t, mapFile, int32_t fd, int64_t bytes) {
  uint64_t room = (uint64_t)bytes + HUGE_PAGE;
  char *reserved = mmap(0, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == (void *)-1) return failure();
  char *at = (char *)(((uint64_t)reserved + HUGE_PAGE - 1) & -(uint64_t)HUGE_PAGE);
  char *end = at + (((uint64_t)bytes + 4095) & -4096UL);
  if (mmap(at, bytes, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == (void *)-1) {
    long error = failure();
    munmap(reserved, room);
    return error;
  }
  if (at > reserved) munmap(reserved, at - reserved);
  if (reserved + room > end) munmap(end, reserved + room - end);
  if (madvise(at, bytes, MADV_HUGEPAGE)) madvise(at, bytes, MADV_WILLNEED);
  return (int64_t)at;
}

NATIVE(int64_t, reserve, int64_t bytes, int32_t huge) {
  void *at = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == (void *)-1) return failure();
  if (huge) madvise(at, bytes, MADV_HUGEPAGE);
  return (int64_t)at;
}

NATIVE(void, unmap, int64_t address, int64_t bytes) { munmap((void *)address, bytes); }

/* ---- compiled stages ---- */
struct library {
  void *handle;
  int fd;
};

static void report(char *into, int32_t room, const char *text) {
  int32_t i = 0;
  for (; text && text[i] && i < room - 1; i++) into[i] = text[i];
  into[i] = 0;
}

static int64_t open_library(const char *path, int fd, char *error, int32_t room) {
  struct library *library = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (library == (void *)-1) {
    report(error, room, "out of memory");
    if (fd >= 0) close(fd);
    return 0;
  }
  library->fd = fd;
  library->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library->handle) {
    report(error, room, dlerror());
    munmap(library, 4096);
    if (fd >= 0) close(fd);
    return 0;
  }
  return (int64_t)library;
}

NATIVE(int64_t, openLibrary, void *path, void *error, int32_t room) {
  return open_library(buffer_address(env, path), -1, buffer_address(env, error), room);
}

/*
 * The descriptor stays open as long as the library: the loader takes two libraries of one name for the same, and a
 * descriptor's number, which is the name, would be given again.
 */
NATIVE(int64_t, openLibraryBytes, int64_t address, int64_t bytes, void *error, int32_t room) {
  char *message = buffer_address(env, error);
  int fd = (int)syscall(SYS_memfd_create, "catena-code", MFD_CLOEXEC);
  if (fd < 0) {
    report(message, room, "memfd_create failed");
    return 0;
  }
  const char *from = (const char *)address;
  while (bytes > 0) {
    long written = write(fd, from, bytes);
    if (written <= 0) {
      report(message, room, "writing to a memfd failed");
      close(fd);
      return 0;
    }
    from += written;
    bytes -= written;
  }
  char path[32] = "/proc/self/fd/";
  char digits[12];
  int count = 0, at = 14;
  for (int rest = fd; rest || !count; rest /= 10) digits[count++] = (char)('0' + rest % 10);
  while (count) path[at++] = digits[--count];
  path[at] = 0;
  return open_library(path, fd, message, room);
}

NATIVE(int64_t, symbol, int64_t library, void *name) {
  return (int64_t)dlsym(((struct library *)library)->handle, buffer_address(env, name));
}

/* Arguments are whole numbers and pointers. Those beyond the function's own do no harm: the caller takes them back. */
NATIVE(int32_t, call, int64_t function, int64_t arguments) {
  const int64_t *a = (const int64_t *)arguments;
  int32_t (*f)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t) =
      (void *)function;
  return f(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11]);
}

NATIVE(void, closeLibrary, int64_t address) {
  struct library *library = (struct library *)address;
  dlclose(library->handle);
  if (library->fd >= 0) close(library->fd);
  munmap(library, 4096);
}

/* ---- CPU features ---- */
NATIVE(void, cpuid, int32_t leaf, int32_t subleaf, void *out) {
  uint32_t *r = buffer_address(env, out);
  __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(subleaf));
}

NATIVE(int64_t, xgetbv) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (int64_t)((uint64_t)high << 32 | low);
}

NATIVE(int64_t, requestAmx) { return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) ? failure() : 0; }

/* ---- the contract with compiled stages, docs/cpu-abi.md ---- */
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

typedef void (*stage_function)(const catena_stage *, const catena_thread *);

typedef struct {
  stage_function function;
  const catena_stage *stage;
} stage_call;

/* ---- the team ---- */
typedef struct {
  _Alignas(64) int32_t runs; /* that this thread was told to take part in; a futex */
  int32_t sleepers;
  int64_t switches; /* at which others took its core, as last seen */
} member;

typedef struct {
  int32_t threads;
  int32_t active;       /* threads that take part in runs: the first so many */
  int64_t spin_cycles;  /* a waiting thread pauses this long, then yields */
  int64_t yield_cycles; /* and after this long it sleeps */
  _Alignas(64) int32_t arrived;
  _Alignas(64) int32_t phase; /* counts barriers; a futex */
  int32_t phase_sleepers;
  _Alignas(64) int32_t stop;
  const stage_call *calls;
  int64_t calls_count;
  _Alignas(64) int64_t stalled; /* cycles of this run that threads waited long for others */
  int32_t preempted;            /* threads that others' processes kept waiting in it */
  int64_t window, lost;         /* cycles of runs since active was last thought about, and those lost by waiting */
  int64_t hold, held;           /* how long active stays where it is, and has */
  uint64_t launches;            /* that were taken in chunks, before this run */
  uint64_t *shares;             /* [threads][8], docs/cpu-abi.md; behind the members */
  member members[];
} team;

static void futex_wait(int32_t *word, int32_t value) { syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, 0L, 0L, 0L); }
static void futex_wake_all(int32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 0x7fffffffL, 0L, 0L, 0L); }

static int64_t cycles(void) { return (int64_t)__builtin_ia32_rdtsc(); }
static int32_t load(const int32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

/* Returns when *word is no longer `value`, with the cycles that it took. Whoever changes it wakes when *sleepers isn't 0,
   and looks after changing. */
static int64_t wait_while(const team *t, int32_t *word, int32_t value, int32_t *sleepers) {
  if (load(word) != value) return 0;
  int64_t start = cycles();
  while (cycles() - start < t->spin_cycles) {
    for (int i = 0; i < 8; i++) {
      if (load(word) != value) return 0;
      __builtin_ia32_pause();
    }
  }
  while (cycles() - start < t->spin_cycles + t->yield_cycles) {
    syscall(SYS_sched_yield);
    if (load(word) != value) return cycles() - start;
  }
  __atomic_add_fetch(sleepers, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == value) futex_wait(word, value);
  __atomic_sub_fetch(sleepers, 1, __ATOMIC_SEQ_CST);
  return cycles() - start;
}

enum { STALL = 1000000 }; /* cycles, about 0.3 ms: longer than threads that run differ by, shorter than the system's time slices */

static void barrier(void *of, int32_t id) {
  team *t = of;
  (void)id;
  if (t->active == 1) return;
  int32_t phase = load(&t->phase);
  if (__atomic_add_fetch(&t->arrived, 1, __ATOMIC_ACQ_REL) == t->active) {
    __atomic_store_n(&t->arrived, 0, __ATOMIC_RELAXED);
    __atomic_add_fetch(&t->phase, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&t->phase_sleepers, __ATOMIC_SEQ_CST)) futex_wake_all(&t->phase);
  } else {
    int64_t waited = wait_while(t, &t->phase, phase, &t->phase_sleepers);
    if (waited > STALL) __atomic_add_fetch(&t->stalled, waited, __ATOMIC_RELAXED);
  }
}

/* How often the system gave this thread's core to another that wanted it. */
static int64_t involuntary_switches(void) {
  int64_t usage[18] = {0}; /* struct rusage: ru_nivcsw is the last */
  syscall(SYS_getrusage, RUSAGE_THREAD, usage);
  return usage[17];
}

static void run_calls(team *t, int32_t id) {
  const stage_call *calls = t->calls; /* after the last barrier the next run may set these */
  int64_t count = t->calls_count;
  catena_thread thread = {id, t->active, barrier, t, t->shares};
  t->shares[8 * id + 1] = t->launches; /* it may not have taken part in the runs before */
  for (int64_t i = 0; i < count; i++) {
    calls[i].function(calls[i].stage, &thread);
    if (i == count - 1 && __atomic_load_n(&t->stalled, __ATOMIC_RELAXED)) {
      int64_t switches = involuntary_switches();
      if (switches != t->members[id].switches) __atomic_add_fetch(&t->preempted, 1, __ATOMIC_RELAXED);
      t->members[id].switches = switches;
    }
    barrier(t, id);
  }
}

/* In cycles of runs, at 2 to 4 GHz: 100 ms (in 20 ms one short command on the machine took the quarter), and 100 ms to 1.6 s. */
enum { WINDOW = 300000000 };
static const int64_t SHORTEST_HOLD = 300000000ll, LONGEST_HOLD = 4800000000ll;

/*
 * How many threads take part in the next run. Where another process keeps one of them from running, all wait for that one, as
 * long as the system's time slices are: others take the chunks that it hasn't begun, but not the one it is at. When a quarter of
 * the time is lost so, fewer threads go on and share all of it; more are tried again later, less often the more often that fails. Long waits alone don't
 * count, since a few long items may be all the work there is: a thread must have lost its core as well. No result depends on it.
 */
static void pace(team *t, int64_t run_cycles) {
  int64_t stalled = __atomic_exchange_n(&t->stalled, 0, __ATOMIC_RELAXED);
  int32_t preempted = __atomic_exchange_n(&t->preempted, 0, __ATOMIC_RELAXED);
  t->window += run_cycles;
  if (preempted && t->active > 1) t->lost += stalled / (t->active - 1);
  if (t->window < WINDOW) return;
  int32_t step = t->active < 16 ? 1 : t->active / 8;
  if (t->lost > t->window / 4 && t->active > 1) {
    t->active -= step;
    t->hold = t->hold < LONGEST_HOLD ? 2 * t->hold : LONGEST_HOLD;
    t->held = 0;
  } else {
    if (t->active == t->threads && t->hold > SHORTEST_HOLD / 2) t->hold /= 2;
    t->held += t->window;
    if (t->active < t->threads && t->held >= t->hold) {
      t->active = t->active + step < t->threads ? t->active + step : t->threads;
      t->held = 0;
    }
  }
  t->window = t->lost = 0;
}

static int64_t team_bytes(int32_t threads) { return (int64_t)sizeof(team) + threads * (int64_t)(sizeof(member) + 64); }

NATIVE(int64_t, teamOpen, int32_t threads, int64_t spin, int64_t yield) {
  team *t = mmap(0, team_bytes(threads), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (t == (void *)-1) return failure();
  t->threads = t->active = threads;
  t->shares = (uint64_t *)(t->members + threads);
  t->spin_cycles = spin;
  t->yield_cycles = yield;
  t->hold = SHORTEST_HOLD / 2;
  return (int64_t)t;
}

NATIVE(void, teamWorker, int64_t address, int32_t id) {
  team *t = (team *)address;
  member *self = &t->members[id];
  for (int32_t run = 0;; run++) {
    wait_while(t, &self->runs, run, &self->sleepers);
    if (load(&t->stop)) return;
    run_calls(t, id);
  }
}

static void start(team *t, int32_t threads) {
  for (int32_t id = 1; id < threads; id++) {
    member *other = &t->members[id];
    __atomic_add_fetch(&other->runs, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&other->sleepers, __ATOMIC_SEQ_CST)) futex_wake_all(&other->runs);
  }
}

NATIVE(void, teamRun, int64_t address, int64_t calls, int64_t count) {
  team *t = (team *)address;
  if (count <= 0) return;
  t->calls = (const stage_call *)calls;
  t->calls_count = count;
  int64_t began = t->threads > 1 ? cycles() : 0;
  start(t, t->active);
  run_calls(t, 0);
  t->launches = t->shares[1];
  if (t->threads > 1) pace(t, cycles() - began);
}

NATIVE(void, teamStop, int64_t address) {
  team *t = (team *)address;
  __atomic_store_n(&t->stop, 1, __ATOMIC_RELEASE);
  start(t, t->threads);
}

NATIVE(void, teamFree, int64_t address) { munmap((void *)address, team_bytes(((team *)address)->threads)); }

/* ---- how fast this machine reads: a stage that reads `scratch_stride` bytes at `input`, its share per thread ---- */
#define READER(name, width, attribute)                                                             \
  attribute static void name(const catena_stage *stage, const catena_thread *thread) {             \
    typedef int64_t vec __attribute__((vector_size(width)));                                       \
    int64_t share = stage->scratch_stride / thread->count / 4096 * 4096;                           \
    const vec *p = (const vec *)((const char *)stage->input + thread->id * share);                 \
    const vec *end = (const vec *)((const char *)p + share);                                       \
    vec a = {0}, b = {0}, c = {0}, d = {0};                                                        \
    for (; p < end; p += 8) {                                                                      \
      a += p[0] ^ p[4];                                                                            \
      b += p[1] ^ p[5];                                                                            \
      c += p[2] ^ p[6];                                                                            \
      d += p[3] ^ p[7];                                                                            \
    }                                                                                              \
    a += b + c + d;                                                                                \
    ((volatile int64_t *)stage->output)[thread->id * 8] = a[0] ^ a[1];                             \
  }
READER(read_sse2, 16, )
READER(read_avx2, 32, __attribute__((target("avx2"))))
READER(read_avx512, 64, __attribute__((target("avx512f"))))

NATIVE(int64_t, readFunction, int32_t width) {
  return (int64_t)(width == 64 ? read_avx512 : width == 32 ? read_avx2 : read_sse2);
}

/* ---- layouts, for the test that compares them with the Java side and the generator's ---- */
NATIVE(void, layout, void *out) {
  int32_t *r = buffer_address(env, out);
  r[0] = sizeof(catena_step);
  r[1] = __builtin_offsetof(catena_step, tokens);
  r[2] = __builtin_offsetof(catena_step, selected_rows);
  r[3] = sizeof(catena_stage);
  r[4] = __builtin_offsetof(catena_stage, scratch_stride);
  r[5] = __builtin_offsetof(catena_stage, output);
  r[6] = sizeof(stage_call);
}
