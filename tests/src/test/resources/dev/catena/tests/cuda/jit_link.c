/* nvJitLink, which JavaCPP has no bindings for: links one PTX text to machine code. */
#include <stdint.h>

void *dlopen(const char *path, int flags);
void *dlsym(void *library, const char *name);

typedef void *linker;

/* Writes the log, ended by 0, into `log`. Returns nvJitLink's first error, 0, or -1 if it can't be loaded. */
int32_t Java_dev_catena_tests_cuda_JitLink_link(void *env, void *cls, int64_t path, int64_t architecture, int64_t ptx,
                                                int64_t ptx_bytes, int64_t log, int64_t log_bytes) {
  void *library = dlopen((const char *)path, 2);
  if (!library) return -1;
  int (*create)(linker *, uint32_t, const char **) = dlsym(library, "__nvJitLinkCreate_12_9");
  int (*add)(linker, int, const void *, uint64_t, const char *) = dlsym(library, "__nvJitLinkAddData_12_9");
  int (*complete)(linker) = dlsym(library, "__nvJitLinkComplete_12_9");
  int (*log_size)(linker, uint64_t *) = dlsym(library, "__nvJitLinkGetErrorLogSize_12_9");
  int (*get_log)(linker, char *) = dlsym(library, "__nvJitLinkGetErrorLog_12_9");
  int (*destroy)(linker *) = dlsym(library, "__nvJitLinkDestroy_12_9");
  if (!create || !add || !complete || !log_size || !get_log || !destroy) return -1;
  linker l;
  const char *options[] = {(const char *)architecture};
  *(char *)log = 0;
  int result = create(&l, 1, options);
  if (result) return result;
  result = add(l, 2 /* PTX */, (const void *)ptx, ptx_bytes, "model.ptx");
  if (!result) result = complete(l);
  uint64_t size = 0;
  if (result && !log_size(l, &size) && size && size < log_bytes) get_log(l, (char *)log);
  destroy(&l);
  return result;
}
