/* Runs code for AMX on a CPU without it, on one thread: each tile instruction is illegal there, and the handler of that signal does what
   Intel's manual (volume 2) says of it, on machine code, configuration, addresses and strides as they are. What would be a fault there is passed over and counted. */
#include <stdint.h>

enum { SIGILL = 4, SA_SIGINFO = 4, SA_NODEFER = 0x40000000 };
enum { R8, R9, R10, R11, R12, R13, R14, R15, RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP, RIP }; /* glibc's order in a signal's context */
static const int register_of[16] = {RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15};

typedef struct { uint64_t flags, link, stack[3]; int64_t registers[23]; } context;
struct action { void (*handler)(int, void *, context *); uint64_t mask[16]; int flags; void (*restorer)(void); };
extern int sigaction(int signal, const struct action *now, struct action *before);

static struct { uint8_t palette, start_row, reserved[14]; uint16_t row_bytes[16]; uint8_t rows[16]; } shapes;
static union { uint8_t bytes[64]; int8_t signed_bytes[64]; uint32_t words[16]; int32_t whole[16]; float numbers[16]; } tiles[8][16];
static struct action before;
static int64_t done, faults;

static int in_use(int t) { return t < 8 && shapes.palette == 1 && shapes.rows[t] && shapes.row_bytes[t]; }

static int configure(const void *from) {
  __builtin_memcpy(&shapes, from, 64);
  __builtin_memset(tiles, 0, sizeof tiles);
  if (shapes.palette != 1 || shapes.start_row) return 0;
  for (int i = 0; i < 14; i++) if (shapes.reserved[i]) return 0;
  for (int t = 0; t < 16; t++) {
    if (t >= 8 && (shapes.rows[t] || shapes.row_bytes[t])) return 0;
    if (shapes.rows[t] > 16 || shapes.row_bytes[t] > 64 || !shapes.rows[t] != !shapes.row_bytes[t]) return 0;
  }
  return 1;
}

/* Sums, rows and columns fit each other, and are three tiles. */
static int multiplies(int sums, int a, int b) {
  return in_use(sums) && in_use(a) && in_use(b) && sums != a && sums != b && a != b && shapes.rows[sums] == shapes.rows[a]
      && shapes.row_bytes[sums] == shapes.row_bytes[b] && shapes.row_bytes[a] == 4 * shapes.rows[b];
}

static void multiply_bytes(int sums, int a, int b) {
  for (int m = 0; m < shapes.rows[sums]; m++)
    for (int k = 0; k < shapes.rows[b]; k++)
      for (int n = 0; n < shapes.row_bytes[sums] / 4; n++)
        for (int i = 0; i < 4; i++) tiles[sums][m].whole[n] += tiles[a][m].signed_bytes[4 * k + i] * tiles[b][k].bytes[4 * n + i];
}

static float number(uint32_t bits) {
  if (!(bits & 0x7F800000u)) bits &= 0x80000000u; /* subnormals count as 0 */
  float v;
  __builtin_memcpy(&v, &bits, 4);
  return v;
}

static float flushed(float v) {
  uint32_t bits;
  __builtin_memcpy(&bits, &v, 4);
  return number(bits);
}

__attribute__((target("avx2,fma"))) static void multiply_pairs(int sums, int a, int b) {
  for (int m = 0; m < shapes.rows[sums]; m++)
    for (int n = 0; n < shapes.row_bytes[sums] / 4; n++) {
      float first = 0, second = 0;
      for (int k = 0; k < shapes.rows[b]; k++) {
        const uint32_t x = tiles[a][m].words[k], y = tiles[b][k].words[n];
        first = flushed(__builtin_fmaf(number(x << 16), number(y << 16), first));
        second = flushed(__builtin_fmaf(number(x & 0xFFFF0000u), number(y & 0xFFFF0000u), second));
      }
      tiles[sums][m].numbers[n] = flushed(number(tiles[sums][m].words[n]) + flushed(first + second));
    }
}

/* Does the instruction at hand if it is one of AMX's; gives its length, 0 if it isn't. */
static int step(context *c) {
  const uint8_t *code = (const uint8_t *)c->registers[RIP];
  if (code[0] != 0xC4 || (code[1] & 31) != 2 || code[2] & 0x84) return 0; /* VEX.128, map 0F38, W0 */
  const int prefix = code[2] & 3, op = code[3], mod = code[4] >> 6, reg = code[4] >> 3 & 7, rm = code[4] & 7;
  const int third = ~code[2] >> 3 & 15, has_third = third != 0, extended = (code[1] & 0x80) == 0;
  enum { NONE, P66, PF3, PF2 };
  if (op == 0x5E || op == 0x5C) {
    if (prefix != PF3 || mod != 3) return 0;
    if (extended || !multiplies(reg, rm, third)) faults++;
    else if (op == 0x5E) multiply_bytes(reg, rm, third);
    else multiply_pairs(reg, rm, third);
    return 5;
  }
  if (op != 0x49 && op != 0x4B || has_third) return 0;
  if (op == 0x49 && mod == 3) {
    if (prefix == NONE && code[4] == 0xC0) __builtin_memset(&shapes, 0, sizeof shapes);
    else if (prefix != PF2 || rm != 0) return 0;
    else if (extended || !in_use(reg)) faults++;
    else __builtin_memset(tiles[reg], 0, sizeof tiles[reg]);
    return 5;
  }
  /* An operand in memory: base, index and displacement. */
  int length = 5, base = rm, index = 4, scale = 0;
  if (rm == 4) {
    base = code[5] & 7;
    index = code[5] >> 3 & 7 | (code[1] & 0x40 ? 0 : 8);
    scale = code[5] >> 6;
    length++;
  }
  const int nothing = base == 5 && mod == 0; /* a displacement alone, from the next instruction where there is no index byte */
  base |= code[1] & 0x20 ? 0 : 8;
  int32_t displacement = 0;
  if (mod == 1) displacement = (int8_t)code[length++];
  if (mod == 2 || nothing) {
    __builtin_memcpy(&displacement, code + length, 4);
    length += 4;
  }
  char *at = (char *)(intptr_t)displacement;
  if (!nothing) at += c->registers[register_of[base]];
  else if (rm != 4) at += c->registers[RIP] + length;
  if (op == 0x49) {
    if (prefix != NONE || reg != 0) return 0;
    faults += !configure(at);
    return length;
  }
  if (prefix != PF2 && prefix != PF3) return 0;
  if (rm != 4 || extended || !in_use(reg)) { /* rows need an index: it is their stride */
    faults++;
    return length;
  }
  const int64_t stride = index == 4 ? 0 : c->registers[register_of[index]] << scale;
  for (int row = 0; row < shapes.rows[reg]; row++) {
    if (prefix == PF2) {
      __builtin_memset(tiles[reg][row].bytes, 0, 64);
      __builtin_memcpy(tiles[reg][row].bytes, at + row * stride, shapes.row_bytes[reg]);
    } else {
      __builtin_memcpy(at + row * stride, tiles[reg][row].bytes, shapes.row_bytes[reg]);
    }
  }
  return length;
}

static void illegal(int signal, void *info, context *c) {
  const int length = step(c);
  done++;
  c->registers[RIP] += length;
  if (length == 0) sigaction(SIGILL, &before, 0); /* not ours */
}

#define JAVA(name) __attribute__((visibility("default"))) Java_dev_catena_codegen_cpu_TrappedTiles_##name

void JAVA(install)(void *env, void *cls) {
  const struct action ours = {illegal, {0}, SA_SIGINFO | SA_NODEFER, 0};
  done = faults = 0;
  sigaction(SIGILL, &ours, &before);
}

void JAVA(restore)(void *env, void *cls) { sigaction(SIGILL, &before, 0); }
int64_t JAVA(instructions)(void *env, void *cls) { return done; }
int64_t JAVA(faults)(void *env, void *cls) { return faults; }
