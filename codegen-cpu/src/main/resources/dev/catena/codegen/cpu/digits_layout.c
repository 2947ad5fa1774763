/* Activations become whole numbers of ${digits} signed digits, with one scale for each segment of up to ${segment} columns:
   codes and digits multiply exactly, and only a segment's sum is rounded${digits_note}. */
#define DIGITS ${digits}
#define SEGMENT ${segment}
#define SEGMENTS_IN_GROUP ((GROUP + SEGMENT - 1) / SEGMENT)
#define DIGIT_STRIDE ((K + 31) / 16 * 16 * ${digit_bytes}) /* bytes of one digit of a row */
#define PREPARED_BYTES ((DIGITS * DIGIT_STRIDE + (GROUPS * SEGMENTS_IN_GROUP + GROUPS) * 4ll + 63) / 64 * 64)
#define LARGEST ${largest}.0f /* rounding may exceed it by one, which the first digit must still hold */
#define WHOLE_SEGMENTS (GROUP % SEGMENT == 0 && K % GROUP == 0) /* none is cut short */
