package dev.catena.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * {@code mma} and {@code ldmatrix}, element by element against the formulas of the PTX ISA ("Matrix Fragments for
 * mma.m16n8k16" and so on), which this test writes down one by one as (row, column) of element i of lane l.
 */
class MatrixTest {
    private final Random random = new Random(4);

    /** Where element {@code i} of a lane's fragment lies: {row, column}. */
    private interface Place { int[] of(int group, int thread, int i); }

    private static final Place ACCUMULATOR = (g, t, i) -> new int[] {i < 2 ? g : g + 8, t * 2 + (i & 1)};

    /** Small integers are exact in every type, so one wrong place shows as a wrong sum. */
    private void check(String shape, String types, int depth, int perRegister, int registersA, int registersB, Place placeA,
            Place placeB, java.util.function.IntUnaryOperator encode, boolean integers) {
        int[][] a = new int[16][depth];
        int[][] b = new int[depth][8];
        int[][] c = new int[16][8];
        for (int r = 0; r < 16; r++) {
            for (int k = 0; k < depth; k++) {
                a[r][k] = random.nextInt(15) - 7;
            }
            for (int n = 0; n < 8; n++) {
                c[r][n] = random.nextInt(100);
            }
        }
        for (int[] row : b) {
            for (int n = 0; n < 8; n++) {
                row[n] = random.nextInt(15) - 7;
            }
        }
        int bits = 32 / perRegister;
        long mask = (1L << bits) - 1;
        int[][] inputs = new int[registersA + registersB + 4][32];
        for (int lane = 0; lane < 32; lane++) {
            for (int i = 0; i < registersA * perRegister; i++) {
                int[] at = placeA.of(lane >> 2, lane % 4, i);
                inputs[i / perRegister][lane] |= (int) ((encode.applyAsInt(a[at[0]][at[1]]) & mask) << i % perRegister * bits);
            }
            for (int i = 0; i < registersB * perRegister; i++) {
                int[] at = placeB.of(lane >> 2, lane % 4, i);
                inputs[registersA + i / perRegister][lane] |= (int) ((encode.applyAsInt(b[at[0]][at[1]]) & mask) << i % perRegister * bits);
            }
            for (int i = 0; i < 4; i++) {
                int[] at = ACCUMULATOR.of(lane >> 2, lane % 4, i);
                inputs[registersA + registersB + i][lane] = integers ? c[at[0]][at[1]] : Float.floatToRawIntBits(c[at[0]][at[1]]);
            }
        }
        String body = "mma.sync.aligned." + shape + ".row.col." + types + " {%y0,%y1,%y2,%y3}, " + list(0, registersA) + ", "
                + list(registersA, registersB) + ", " + list(registersA + registersB, 4) + ";";
        int[][] d = OneKernel.run("", body, 4, 1, inputs);
        for (int lane = 0; lane < 32; lane++) {
            for (int i = 0; i < 4; i++) {
                int[] at = ACCUMULATOR.of(lane >> 2, lane % 4, i);
                int sum = c[at[0]][at[1]];
                for (int k = 0; k < depth; k++) {
                    sum += a[at[0]][k] * b[k][at[1]];
                }
                assertEquals(sum, integers ? d[i][lane] : (int) Float.intBitsToFloat(d[i][lane]),
                        shape + "." + types + " lane " + lane + " element " + i);
            }
        }
    }

    private static String list(int first, int count) {
        StringBuilder s = new StringBuilder("{");
        for (int i = 0; i < count; i++) {
            s.append(i == 0 ? "" : ",").append("%x").append(first + i);
        }
        return s.append('}').toString();
    }

    private static int f16(int value) {
        return value == 0 ? 0 : (value < 0 ? 0x8000 : 0) | encodeSmall(Math.abs(value), 10, 15);
    }

    private static int bf16(int value) {
        return Float.floatToRawIntBits(value) >>> 16;
    }

    private static int encodeSmall(int value, int fraction, int bias) {
        int exponent = 31 - Integer.numberOfLeadingZeros(value);
        return exponent + bias << fraction | (value << fraction - exponent) & (1 << fraction) - 1;
    }

    private static final Place A16 = (g, t, i) -> new int[] {i < 2 || i >= 4 && i < 6 ? g : g + 8, t * 2 + (i & 1) + (i >= 4 ? 8 : 0)};
    private static final Place B16 = (g, t, i) -> new int[] {t * 2 + (i & 1) + (i >= 2 ? 8 : 0), g};

    @Test
    void m16n8k16OfHalves() {
        check("m16n8k16", "f32.f16.f16.f32", 16, 2, 4, 2, A16, B16, MatrixTest::f16, false);
        check("m16n8k16", "f32.bf16.bf16.f32", 16, 2, 4, 2, A16, B16, MatrixTest::bf16, false);
    }

    @Test
    void m16n8k8OfHalves() {
        Place a = (g, t, i) -> new int[] {i < 2 ? g : g + 8, t * 2 + (i & 1)};
        Place b = (g, t, i) -> new int[] {t * 2 + i, g};
        check("m16n8k8", "f32.f16.f16.f32", 8, 2, 2, 1, a, b, MatrixTest::f16, false);
        check("m16n8k8", "f32.bf16.bf16.f32", 8, 2, 2, 1, a, b, MatrixTest::bf16, false);
    }

    @Test
    void m16n8k8OfTf32() {
        Place a = (g, t, i) -> new int[] {i == 0 || i == 2 ? g : g + 8, i < 2 ? t : t + 4};
        Place b = (g, t, i) -> new int[] {i == 0 ? t : t + 4, g};
        check("m16n8k8", "f32.tf32.tf32.f32", 8, 1, 4, 2, a, b, v -> Float.floatToRawIntBits(v), false);
    }

    @Test
    void m16n8k32OfBytes() {
        Place a = (g, t, i) -> new int[] {i < 4 || i >= 8 && i < 12 ? g : g + 8, t * 4 + (i & 3) + (i >= 8 ? 16 : 0)};
        Place b = (g, t, i) -> new int[] {t * 4 + (i & 3) + (i >= 4 ? 16 : 0), g};
        check("m16n8k32", "s32.s8.s8.s32", 32, 4, 4, 2, a, b, v -> v, true);
    }

    /** Fills shared memory with the 16-bit words 0 … 255 and loads four matrices, whose rows lanes name in order. */
    private static int[][] loadMatrices(String form, int registers) {
        String registersList = registers == 4 ? "{%y0,%y1,%y2,%y3}" : registers == 2 ? "{%y0,%y1}" : "{%y0}";
        return OneKernel.run(".shared .align 16 .b8 tile[512];\n.reg .b32 %at, %v, %w;\n", """
                mov.u32 %at, tile;
                shl.b32 %v, %lane, 4;
                add.u32 %at, %at, %v;
                st.shared.v4.b32 [%at], {%x0, %x1, %x2, %x3};
                bar.warp.sync -1;
                ldmatrix.sync.aligned.m8n8.""" + form + ".shared.b16 " + registersList + ", [%at];", registers, 1,
                words(0), words(1), words(2), words(3));
    }

    /** Lane l holds words 4 l … of the tile; halves are numbered from 0 on. */
    private static int[] words(int k) {
        int[] words = new int[32];
        for (int lane = 0; lane < 32; lane++) {
            int first = (lane * 4 + k) * 2;
            words[lane] = first | first + 1 << 16;
        }
        return words;
    }

    @Test
    void ldmatrixInAllForms() {
        for (int count : new int[] {1, 2, 4}) {
            for (boolean transposed : new boolean[] {false, true}) {
                int[][] loaded = loadMatrices("x" + count + (transposed ? ".trans" : ""), count);
                for (int m = 0; m < count; m++) {
                    for (int lane = 0; lane < 32; lane++) {
                        for (int half = 0; half < 2; half++) {
                            int row = transposed ? lane % 4 * 2 + half : lane / 4;
                            int column = transposed ? lane / 4 : lane % 4 * 2 + half;
                            assertEquals(m * 64 + row * 8 + column, loaded[m][lane] >>> 16 * half & 0xFFFF,
                                    "x" + count + " trans " + transposed + " matrix " + m + " lane " + lane);
                        }
                    }
                }
            }
        }
    }

    /** What {@code stmatrix} stores, plainly and transposed, in rows of 16 bytes; {@code movmatrix} in registers. */
    @Test
    void matricesAreStoredAndTransposed() {
        int[] words = new int[32];
        for (int lane = 0; lane < 32; lane++) {
            words[lane] = element(lane / 4, lane % 4 * 2) | element(lane / 4, lane % 4 * 2 + 1) << 16;
        }
        String store = """
                mul.lo.u32 %a, %lane, 16;
                mov.u32 %b, tile;
                add.u32 %a, %a, %b;
                stmatrix.sync.aligned.m8n8.x1@.shared.b16 [%a], {%x0};
                bar.warp.sync -1;
                mul.lo.u32 %a, %lane, 4;
                add.u32 %a, %a, %b;
                ld.shared.b32 %y0, [%a];
                """;
        String declarations = ".reg .b32 %a, %b; .shared .align 16 .b8 tile[512];";
        int[] plain = OneKernel.run(declarations, store.replace("@", ""), 1, 1, words)[0];
        int[] turned = OneKernel.run(declarations, store.replace("@", ".trans"), 1, 1, words)[0];
        int[] moved = OneKernel.run("", "movmatrix.sync.aligned.m8n8.trans.b16 %y0, %x0;", 1, 1, words)[0];
        for (int lane = 0; lane < 32; lane++) {
            int row = lane / 4;
            int column = lane % 4 * 2;
            assertEquals(element(row, column) | element(row, column + 1) << 16, plain[lane]);
            assertEquals(element(column, row) | element(column + 1, row) << 16, turned[lane]);
            assertEquals(turned[lane], moved[lane]);
        }
    }

    private static int element(int row, int column) {
        return row * 8 + column + 1;
    }
}
