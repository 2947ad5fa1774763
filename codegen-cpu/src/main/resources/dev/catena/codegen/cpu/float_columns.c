/* A step of a chain takes one column. */
#define STEPS K
typedef float ${name}_x;
typedef f32x16 ${name}_w;

INLINE ${name}_w ${name}_column(const char *block, int32_t step) { return ${name}_load(block, step); }
INLINE f32x16 ${name}_add(f32x16 sum, ${name}_x x, ${name}_w column) { return fma16(splat(x), column, sum); }
