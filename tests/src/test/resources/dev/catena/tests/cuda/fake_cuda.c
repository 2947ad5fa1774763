/*
 * A libcuda.so.1 without a GPU, for tests of the binding: device memory is the host's, kernels don't run, every call is
 * checked as a driver would (context, handles, ranges) and logged as a line. fake_configure says what it pretends to be and
 * which call fails.
 */
typedef int int32;
typedef unsigned int uint32;
typedef long int64;
typedef unsigned long size_t;

#define EXPORT __attribute__((visibility("default")))

extern void *calloc(size_t, size_t);
extern void free(void *);
extern void *memcpy(void *, const void *, size_t);
extern void *memset(void *, int, size_t);
extern int strcmp(const char *, const char *);
extern int snprintf(char *, size_t, const char *, ...);

enum { INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_CONTEXT = 201, INVALID_HANDLE = 400 };
enum { MOST_OBJECTS = 65536, LOG_BYTES = 8 << 20 };

/* ---- what it pretends to be ---- */
static int32 version = 12040, devices = 1, capability = 86;
static int64 memory_bytes = 1L << 30;
static char failing[64]; /* the function that fails ... */
static int32 fails_after, failure;
static char log_text[LOG_BYTES];
static int64 log_length;

static void note(const char *format, int64 a, int64 b, int64 c, int64 d, int64 e) {
  if (log_length < LOG_BYTES - 512)
    log_length += snprintf(log_text + log_length, LOG_BYTES - log_length, format, a, b, c, d, e);
}

/* Called by the test: [version, devices, capability, memory, calls of `function` that succeed first, its error]. */
EXPORT int32 fake_configure(const int64 *values, const char *function) {
  version = (int32)values[0], devices = (int32)values[1], capability = (int32)values[2], memory_bytes = values[3];
  fails_after = (int32)values[4], failure = (int32)values[5];
  snprintf(failing, sizeof failing, "%s", function);
  log_length = 0;
  return 0;
}

EXPORT int32 fake_log(int64 *address_and_length) {
  address_and_length[0] = (int64)log_text, address_and_length[1] = log_length;
  return 0;
}

static int32 fails(const char *function) {
  if (failing[0] && !strcmp(function, failing) && fails_after-- <= 0) {
    note("FAILS %s\n", (int64)function, 0, 0, 0, 0);
    return failure;
  }
  return 0;
}

/* ---- objects: contexts, allocations, streams, events, modules, functions, graphs ---- */
typedef struct {
  const char *kind;
  int64 device, base, bytes, length;
  char name[200];
} object;
static object objects[MOST_OBJECTS];
static int64 next_object = 1, used_bytes[8], contexts[8];
static __thread int64 current; /* this thread's context */

static int64 make(const char *kind, int64 device) {
  objects[next_object].kind = kind;
  objects[next_object].device = device;
  return next_object++;
}

static object *get(const char *kind, int64 handle) {
  return handle > 0 && handle < next_object && objects[handle].kind && !strcmp(objects[handle].kind, kind) ? &objects[handle] : 0;
}

static int32 drop(const char *kind, int64 handle) {
  object *o = get(kind, handle);
  if (!o) return INVALID_HANDLE;
  o->kind = 0;
  return 0;
}

/* The allocation that these bytes lie in. */
static object *holder(const char *kind, int64 address, int64 bytes) {
  for (int64 i = 1; i < next_object; i++) {
    object *o = &objects[i];
    if (o->kind && !strcmp(o->kind, kind) && address >= o->base && address + bytes <= o->base + o->bytes) return o;
  }
  return 0;
}

#define ENTER(name)                              \
  do {                                           \
    int32 error = fails(name);                   \
    if (error) return error;                     \
    if (!get("context", current)) return INVALID_CONTEXT; \
  } while (0)
#define DEVICE (objects[current].device)

/* What is still there that should have been given back. */
EXPORT int32 fake_leaks(void) {
  int32 leaks = 0;
  for (int64 i = 1; i < next_object; i++)
    if (objects[i].kind && strcmp(objects[i].kind, "function")) {
      note("LEAK %s\n", (int64)objects[i].kind, 0, 0, 0, 0);
      leaks++;
    }
  return leaks;
}

/* ---- driver and devices ---- */
EXPORT int32 cuDriverGetVersion(int32 *into) {
  *into = version;
  return 0;
}
EXPORT int32 cuInit(uint32 flags) { return fails("cuInit"); }
EXPORT int32 cuDeviceGetCount(int32 *count) {
  *count = devices;
  return 0;
}
EXPORT int32 cuDeviceGet(int32 *device, int32 ordinal) {
  *device = ordinal;
  return ordinal < devices ? 0 : 101;
}
EXPORT int32 cuDeviceGetName(char *name, int32 room, int32 device) {
  int32 error = fails("cuDeviceGetName");
  if (error && !device) return error; /* the first GPU alone is broken */
  snprintf(name, room, "Pretended GPU %d", device);
  return 0;
}
EXPORT int32 cuDeviceTotalMem_v2(size_t *bytes, int32 device) {
  *bytes = memory_bytes;
  return 0;
}
EXPORT int32 cuDeviceGetAttribute(int32 *value, int32 which, int32 device) {
  *value = which == 16 ? 84 : which == 75 ? capability / 10 : which == 76 ? capability % 10 : -1;
  return *value < 0 ? INVALID_VALUE : 0;
}
EXPORT int32 cuDeviceCanAccessPeer(int32 *can, int32 device, int32 peer) {
  *can = device != peer;
  return 0;
}
EXPORT int32 cuDevicePrimaryCtxRetain(int64 *context, int32 device) {
  int32 error = fails("cuDevicePrimaryCtxRetain");
  if (error) return error;
  if (!contexts[device]) contexts[device] = make("context", device);
  *context = contexts[device];
  return 0;
}
EXPORT int32 cuDevicePrimaryCtxRelease_v2(int32 device) {
  int32 error = drop("context", contexts[device]);
  contexts[device] = 0;
  return error;
}
EXPORT int32 cuCtxSetCurrent(int64 context) {
  if (!get("context", context)) return INVALID_CONTEXT;
  current = context;
  return 0;
}
EXPORT int32 cuCtxEnablePeerAccess(int64 peer, uint32 flags) {
  ENTER("cuCtxEnablePeerAccess");
  note("peer %ld reaches %ld\n", DEVICE, objects[peer].device, 0, 0, 0);
  return get("context", peer) ? 0 : INVALID_CONTEXT;
}

/* ---- memory ---- */
EXPORT int32 cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
  ENTER("cuMemGetInfo");
  *free_bytes = memory_bytes - used_bytes[DEVICE], *total = memory_bytes;
  return 0;
}
static int32 allocate(const char *kind, int64 *address, size_t bytes) {
  int64 o = make(kind, DEVICE);
  objects[o].bytes = bytes;
  objects[o].length = (int64)calloc(bytes + 256, 1);
  objects[o].base = (objects[o].length + 255) / 256 * 256;
  *address = objects[o].base;
  return 0;
}
EXPORT int32 cuMemAlloc_v2(int64 *address, size_t bytes) {
  ENTER("cuMemAlloc");
  if (used_bytes[DEVICE] + (int64)bytes > memory_bytes) return OUT_OF_MEMORY;
  used_bytes[DEVICE] += bytes;
  note("allocate %ld on %ld, in all %ld\n", bytes, DEVICE, used_bytes[DEVICE], 0, 0);
  return allocate("memory", address, bytes);
}
EXPORT int32 cuMemFree_v2(int64 address) {
  object *o = holder("memory", address, 1);
  if (!o || o->base != address) return INVALID_VALUE;
  used_bytes[o->device] -= o->bytes;
  free((void *)o->length);
  o->kind = 0;
  return 0;
}
EXPORT int32 cuMemHostAlloc(int64 *address, size_t bytes, uint32 flags) {
  ENTER("cuMemHostAlloc");
  return allocate("pinned", address, bytes);
}
EXPORT int32 cuMemFreeHost(int64 address) {
  object *o = holder("pinned", address, 1);
  if (!o || o->base != address) return INVALID_VALUE;
  free((void *)o->length);
  o->kind = 0;
  return 0;
}
static int32 copy(const char *what, int64 to, const char *to_kind, int64 from, const char *from_kind, int64 bytes, int64 stream) {
  object *target = holder(to_kind, to, bytes);
  if (!get("stream", stream) || !target || !holder(from_kind, from, bytes)) {
    note("BAD copy of %ld bytes\n", bytes, 0, 0, 0, 0);
    return INVALID_VALUE;
  }
  memcpy((void *)to, (void *)from, bytes);
  note("%s %ld to %ld of %ld in stream %ld\n", (int64)what, bytes, to - target->base, target->bytes, stream);
  return 0;
}
EXPORT int32 cuMemcpyHtoDAsync_v2(int64 to, int64 from, size_t bytes, int64 stream) {
  ENTER("cuMemcpyHtoDAsync");
  return copy("in", to, "memory", from, "pinned", bytes, stream);
}
EXPORT int32 cuMemcpyDtoHAsync_v2(int64 to, int64 from, size_t bytes, int64 stream) {
  ENTER("cuMemcpyDtoHAsync");
  return copy("out", to, "pinned", from, "memory", bytes, stream);
}
EXPORT int32 cuMemcpyDtoDAsync_v2(int64 to, int64 from, size_t bytes, int64 stream) {
  ENTER("cuMemcpyDtoDAsync");
  return copy("within", to, "memory", from, "memory", bytes, stream);
}
EXPORT int32 cuMemcpyPeerAsync(int64 to, int64 to_context, int64 from, int64 from_context, size_t bytes, int64 stream) {
  ENTER("cuMemcpyPeerAsync");
  object *target = holder("memory", to, bytes), *source = holder("memory", from, bytes);
  if (!target || !source || target->device != objects[to_context].device || source->device != objects[from_context].device)
    return INVALID_VALUE;
  note("from %ld to %ld: ", source->device, target->device, 0, 0, 0);
  return copy("peer", to, "memory", from, "memory", bytes, stream);
}
EXPORT int32 cuMemsetD8Async(int64 address, unsigned char value, size_t bytes, int64 stream) {
  ENTER("cuMemsetD8Async");
  if (!holder("memory", address, bytes) || !get("stream", stream)) return INVALID_VALUE;
  memset((void *)address, value, bytes);
  return 0;
}

/* ---- code ---- */
EXPORT int32 cuModuleLoadDataEx(int64 *module, const char *image, uint32 options, void *names, void *values) {
  ENTER("cuModuleLoadDataEx");
  if (options) return INVALID_VALUE;
  int is_elf = image[0] == 0x7F && image[1] == 'E';
  note(is_elf ? "load cubin\n" : "load ptx\n", 0, 0, 0, 0, 0);
  if (is_elf) note("cubin flags %ld\n", *(const uint32 *)(image + 48), 0, 0, 0, 0); /* e_flags: the architecture */
  *module = make("module", DEVICE);
  return 0;
}
EXPORT int32 cuModuleUnload(int64 module) { return drop("module", module); }
EXPORT int32 cuModuleGetFunction(int64 *function, int64 module, const char *name) {
  ENTER("cuModuleGetFunction");
  if (!get("module", module)) return INVALID_HANDLE;
  *function = make("function", DEVICE);
  snprintf(objects[*function].name, sizeof objects[*function].name, "%s", name);
  return 0;
}
EXPORT int32 cuFuncSetAttribute(int64 function, int32 attribute, int32 value) { return 0; }

/* ---- streams and events ---- */
EXPORT int32 cuStreamCreate(int64 *stream, uint32 flags) {
  ENTER("cuStreamCreate");
  *stream = make("stream", DEVICE);
  return 0;
}
EXPORT int32 cuStreamDestroy_v2(int64 stream) { return drop("stream", stream); }
EXPORT int32 cuStreamSynchronize(int64 stream) {
  ENTER("cuStreamSynchronize");
  note("synchronize stream %ld\n", stream, 0, 0, 0, 0);
  return get("stream", stream) ? 0 : INVALID_HANDLE;
}
EXPORT int32 cuStreamWaitEvent(int64 stream, int64 event, uint32 flags) {
  ENTER("cuStreamWaitEvent");
  note("stream %ld waits for event %ld\n", stream, event, 0, 0, 0);
  return get("stream", stream) && get("event", event) ? 0 : INVALID_HANDLE;
}
EXPORT int32 cuEventCreate(int64 *event, uint32 flags) {
  ENTER("cuEventCreate");
  *event = make("event", DEVICE);
  return 0;
}
EXPORT int32 cuEventDestroy_v2(int64 event) { return drop("event", event); }
EXPORT int32 cuEventRecord(int64 event, int64 stream) {
  ENTER("cuEventRecord");
  note("event %ld recorded in stream %ld\n", event, stream, 0, 0, 0);
  return get("stream", stream) && get("event", event) && objects[stream].device == objects[event].device ? 0 : INVALID_HANDLE;
}
EXPORT int32 cuEventSynchronize(int64 event) {
  ENTER("cuEventSynchronize");
  return get("event", event) ? 0 : INVALID_HANDLE;
}

/* ---- launches ---- */
typedef struct {
  int64 function;
  uint32 grid[3], block[3], shared;
  void **parameters;
  void **extra;
} kernel_node;

/* How many parameters there are a driver knows from the code; here the values lie right behind the array of pointers. */
static int32 kernel(const char *what, const kernel_node *node, int64 depends) {
  object *function = get("function", node->function);
  if (!function || node->extra) return INVALID_HANDLE;
  int64 count = ((int64)node->parameters[0] - (int64)node->parameters) / 8;
  note("%s %s after %ld", (int64)what, (int64)function->name, depends, 0, 0);
  note(" grid %ld %ld %ld", node->grid[0], node->grid[1], node->grid[2], 0, 0);
  note(" block %ld %ld %ld shared %ld", node->block[0], node->block[1], node->block[2], node->shared, 0);
  for (int64 i = 0; i < count; i++) {
    int64 pointer = *(int64 *)node->parameters[i];
    object *memory = holder("memory", pointer, 1);
    note(memory && memory->device == DEVICE && function->device == DEVICE ? " %ld" : " BAD", pointer, 0, 0, 0, 0);
  }
  note("\n", 0, 0, 0, 0, 0);
  return 0;
}
EXPORT int32 cuLaunchKernel(int64 function, uint32 x, uint32 y, uint32 z, uint32 bx, uint32 by, uint32 bz, uint32 shared,
                            int64 stream, void **parameters, void **extra) {
  ENTER("cuLaunchKernel");
  if (!get("stream", stream)) return INVALID_HANDLE;
  kernel_node node = {function, {x, y, z}, {bx, by, bz}, shared, parameters, extra};
  return kernel("launch", &node, 0);
}
EXPORT int32 cuGraphCreate(int64 *graph, uint32 flags) {
  ENTER("cuGraphCreate");
  *graph = make("graph", DEVICE);
  return 0;
}
EXPORT int32 cuGraphAddKernelNode(int64 *node, int64 graph, const int64 *dependencies, size_t count, const kernel_node *parameters) {
  ENTER("cuGraphAddKernelNode");
  object *g = get("graph", graph);
  if (!g || count > 1 || (count && dependencies[0] != graph * 100000 + g->length)) return INVALID_VALUE;
  int32 error = kernel("node", parameters, count ? g->length : 0);
  *node = graph * 100000 + ++g->length;
  return error;
}
/* Two neighbours, by an edge of the kernels' own waiting: port 1, type 1. */
EXPORT int32 cuGraphAddDependencies_v2(int64 graph, const int64 *from, const int64 *to, const unsigned char *edges, size_t count) {
  ENTER("cuGraphAddDependencies_v2");
  object *g = get("graph", graph);
  if (!g || count != 1 || *from + 1 != *to || *to != graph * 100000 + g->length || *(const int64 *)edges != 0x10001) return INVALID_VALUE;
  note("overlap %ld\n", g->length, 0, 0, 0, 0);
  return 0;
}
EXPORT int32 cuGraphInstantiateWithFlags(int64 *executable, int64 graph, unsigned long long flags) {
  ENTER("cuGraphInstantiateWithFlags");
  if (!get("graph", graph)) return INVALID_HANDLE;
  *executable = make("executable", DEVICE);
  objects[*executable].length = objects[graph].length;
  return 0;
}
EXPORT int32 cuGraphLaunch(int64 executable, int64 stream) {
  ENTER("cuGraphLaunch");
  object *e = get("executable", executable);
  if (!e || !get("stream", stream)) return INVALID_HANDLE;
  note("graph of %ld on %ld\n", e->length, e->device, 0, 0, 0);
  note("graph launched in stream %ld\n", stream, 0, 0, 0, 0);
  return 0;
}
EXPORT int32 cuGraphDestroy(int64 graph) { return drop("graph", graph); }
EXPORT int32 cuGraphExecDestroy(int64 executable) { return drop("executable", executable); }
