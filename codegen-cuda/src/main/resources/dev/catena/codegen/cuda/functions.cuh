/* Functions of loop nests that CUDA's own mathematics lacks. */
inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/* NaN where an operand is. */
inline float maximum(float a, float b) { return a > b || a != a ? a : b; }
inline float minimum(float a, float b) { return a < b || a != a ? a : b; }
