package dev.catena.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.SimMachine;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code wgmma.mma_async} element by element: matrices are laid into shared memory by the PTX ISA's table of canonical layouts, written
 * down here as CuTe shapes and strides with the swizzle on top, and the sums of small integers must come out exactly.
 */
class WarpgroupMultiplyTest {
    /** A matrix in shared memory: its bytes, and the descriptor's fields in bytes. */
    private record Image(byte[] bytes, int leading, int stride, int stepBytes) {}

    /** Of a CuTe mode (shape):(stride), in elements: where coordinate {@code at} lies. The first shape is the innermost. */
    private static int mode(int at, int[] shape, int[] stride) {
        int offset = 0;
        for (int i = 0; i < shape.length; i++) {
            offset += (i == shape.length - 1 ? at : at % shape[i]) * stride[i];
            at /= shape[i];
        }
        return offset;
    }

    /** Swizzle<bits, 4, 3> of a byte offset. */
    private static int swizzled(int offset, int bits) {
        int from = offset >> 7 & (1 << bits) - 1;
        return offset ^ from << 4;
    }

    /** @param wide bytes of the swizzle, 16 for none; {@code depth} columns are as many steps of 16 as the layout's atom has, or two */
    private static Image image(int[][] matrix, int wide, boolean alongK, java.util.function.IntUnaryOperator encode) {
        int rows = matrix.length;
        int depth = matrix[0].length;
        int unit = 8;       // T: elements of 16 bits in 128
        int bits = Integer.numberOfTrailingZeros(wide) - 4;
        int pieces = wide / 16;
        int leading;
        int stride;
        int step;
        if (alongK) {
            stride = 8 * pieces * unit;
            leading = wide == 16 ? rows * unit : 0;
            step = wide == 16 ? 2 * leading : 16;
            stride = wide == 16 ? 8 * unit : stride;
        } else if (wide == 16) {
            stride = 8 * unit;
            leading = rows * unit;
            step = 2 * leading;
        } else {
            leading = 8 * pieces * unit;                               // the next rows of the pattern
            stride = leading * ((rows + pieces * unit - 1) / (pieces * unit));    // the next eight k
            step = 2 * stride;
        }
        byte[] bytes = new byte[(rows + 63) / 64 * 64 * Math.max(depth, 64) * 2];
        ByteBuffer to = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int r = 0; r < rows; r++) {
            for (int k = 0; k < depth; k++) {
                int at;
                if (alongK && wide == 16) {
                    at = mode(r, new int[] {8, 1 << 20}, new int[] {unit, stride}) + mode(k, new int[] {unit, 1 << 20}, new int[] {1, leading});
                } else if (alongK) {
                    at = mode(r, new int[] {8, 1 << 20}, new int[] {pieces * unit, stride}) + mode(k, new int[] {unit, 1 << 20}, new int[] {1, unit});
                } else if (wide == 16) {
                    at = mode(r, new int[] {unit, 1 << 20}, new int[] {1, stride}) + mode(k, new int[] {8, 1 << 20}, new int[] {unit, leading});
                } else {
                    at = mode(r, new int[] {unit, pieces, 1 << 20}, new int[] {1, unit, leading})
                            + mode(k, new int[] {8, 1 << 20}, new int[] {pieces * unit, stride});
                }
                to.putShort(swizzled(at * 2, bits), (short) encode.applyAsInt(matrix[r][k]));
            }
        }
        return new Image(bytes, leading * 2, stride * 2, step * 2);
    }

    private static String descriptor(Image image, int wide) {
        long swizzle = switch (wide) {
            case 128 -> 1;
            case 64 -> 2;
            case 32 -> 3;
            default -> 0;
        };
        return Long.toString((long) (image.leading >> 4) << 16 | (long) (image.stride >> 4) << 32 | swizzle << 62);
    }

    private static String list(String prefix, int count) {
        StringBuilder s = new StringBuilder("{");
        for (int i = 0; i < count; i++) {
            s.append(i == 0 ? "" : ", ").append(prefix).append(i);
        }
        return s.append('}').toString();
    }

    private static int f16(int value) {
        return value == 0 ? 0 : (value < 0 ? 0x8000 : 0) | small(Math.abs(value));
    }

    private static int small(int value) {
        int exponent = 31 - Integer.numberOfLeadingZeros(value);
        return exponent + 15 << 10 | value << 10 - exponent & 0x3FF;
    }

    private static int bf16(int value) {
        return Float.floatToRawIntBits(value) >>> 16;
    }

    @ParameterizedTest
    @CsvSource({
        "f16, 8, 0, true, 16, true, true", "f16, 24, 0, true, 32, true, true", "bf16, 128, 0, true, 64, true, false",
        "f16, 256, 0, true, 128, true, true", "f16, 16, 16, true, 16, false, true", "f16, 64, 128, true, 128, false, true",
        "f16, 32, 64, false, 64, false, true", "bf16, 64, 32, false, 32, false, false", "f16, 128, 128, false, 128, true, true",
        "f16, 40, 16, false, 32, true, true",
    })
    void sumsAreThoseOfTheDefinition(String type, int columns, int wideA, boolean alongA, int wideB, boolean alongB, boolean adds) {
        Random random = new Random(columns + wideB);
        // A K-major atom of a swizzled matrix is one row of the pattern; all other layouts may be as deep as one likes.
        int depth = Math.min(wideA == 0 || wideA == 16 || !alongA ? 64 : wideA / 2, wideB == 16 || !alongB ? 64 : wideB / 2);
        int[][] a = matrix(random, 64, depth);
        int[][] b = matrix(random, columns, depth);
        int[][] c = matrix(random, 64, columns);
        java.util.function.IntUnaryOperator encode = type.equals("f16") ? WarpgroupMultiplyTest::f16 : WarpgroupMultiplyTest::bf16;
        Image imageA = wideA == 0 ? new Image(new byte[16], 0, 0, 0) : image(a, wideA, alongA, encode);
        Image imageB = image(b, wideB, alongB, encode);
        int sums = columns / 2;
        StringBuilder ptx = new StringBuilder(".version 8.0\n.target sm_90a\n.address_size 64\n.visible .entry kernel(.param .u64 a, .param .u64 b,"
                + " .param .u64 registers, .param .u64 out)\n{\n.shared .align 1024 .b8 sa[" + imageA.bytes.length + "];\n.shared .align 1024 .b8 sb["
                + imageB.bytes.length + "];\n.shared .align 8 .b64 landed;\n.reg .pred %p, %first;\n.reg .b32 %t, %sa, %sb, %l, %n;\n"
                + ".reg .b64 %a, %b, %r, %o, %da, %db, %w;\n.reg .b32 %A<4>;\n.reg .f32 %D<" + sums + ">;\n"
                + "ld.param.u64 %a, [a];\nld.param.u64 %b, [b];\nld.param.u64 %r, [registers];\nld.param.u64 %o, [out];\nmov.u32 %t, %tid.x;\n"
                + "mov.u32 %sa, sa;\nmov.u32 %sb, sb;\nmov.u32 %l, landed;\nsetp.eq.u32 %first, %t, 0;\n"
                + "@%first mbarrier.init.shared.b64 [%l], 1;\n@%first fence.mbarrier_init.release.cluster;\nbar.sync 0;\n"
                + "mov.u32 %n, " + (imageA.bytes.length + imageB.bytes.length) + ";\n"
                + "@%first mbarrier.arrive.expect_tx.shared.b64 _, [%l], %n;\n"
                + "@%first cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%sa], [%a], " + imageA.bytes.length + ", [%l];\n"
                + "@%first cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%sb], [%b], " + imageB.bytes.length + ", [%l];\n"
                + "WAIT:\nmbarrier.try_wait.parity.shared.b64 %p, [%l], 0;\n@!%p bra WAIT;\n"
                + "mul.wide.u32 %w, %t, " + 4 * (sums + depth / 4) + ";\nadd.s64 %r, %r, %w;\nmul.wide.u32 %w, %t, " + 4 * sums + ";\nadd.s64 %o, %o, %w;\n");
        for (int i = 0; i < sums; i++) {
            ptx.append("ld.global.f32 %D").append(i).append(", [%r+").append(4 * i).append("];\n");
        }
        ptx.append("shr.u32 %sa, %sa, 4;\nshr.u32 %sb, %sb, 4;\ncvt.u64.u32 %da, %sa;\ncvt.u64.u32 %db, %sb;\nor.b64 %da, %da, ")
                .append(descriptor(imageA, wideA)).append(";\nor.b64 %db, %db, ").append(descriptor(imageB, wideB)).append(";\n");
        for (int step = 0; step < depth / 16; step++) {
            for (int i = 0; i < 4; i++) {
                ptx.append("ld.global.b32 %A").append(i).append(", [%r+").append(4 * (sums + step * 4 + i)).append("];\n");
            }
            ptx.append("wgmma.fence.sync.aligned;\nwgmma.mma_async.sync.aligned.m64n").append(columns).append("k16.f32.").append(type).append('.').append(type)
                    .append(' ').append(list("%D", sums)).append(", ").append(wideA == 0 ? list("%A", 4) : "%da").append(", %db, ")
                    .append(step > 0 ? 1 : adds ? 1 : 0).append(", 1, ").append(step % 2 == 0 ? 1 : -1).append(wideA == 0 ? "" : alongA ? ", 0" : ", 1")
                    .append(alongB ? ", 0" : ", 1").append(";\nwgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;\n")
                    .append("add.s64 %da, %da, ").append(imageA.stepBytes >> 4).append(";\nadd.s64 %db, %db, ").append(imageB.stepBytes >> 4).append(";\n");
        }
        for (int i = 0; i < sums; i++) {
            ptx.append("st.global.f32 [%o+").append(4 * i).append("], %D").append(i).append(";\n");
        }
        ptx.append("ret;\n}\n");
        // Elements by the figures "Register fragment layout" of m64nNk16.
        ByteBuffer registers = ByteBuffer.allocate(128 * 4 * (sums + depth / 4)).order(ByteOrder.LITTLE_ENDIAN);
        for (int thread = 0; thread < 128; thread++) {
            int g = thread / 32 * 16 + thread % 32 / 4;
            int t = thread % 4;
            for (int i = 0; i < sums; i++) {
                registers.putFloat(c[g + (i % 4 / 2) * 8][i / 4 * 8 + t * 2 + i % 2]);
            }
            for (int step = 0; step < depth / 16; step++) {
                for (int i = 0; i < 8; i++) {
                    registers.putShort((short) encode.applyAsInt(a[g + (i / 2 % 2) * 8][step * 16 + t * 2 + i % 2 + (i / 4) * 8]));
                }
            }
        }
        SimMachine machine = new SimMachine(SimMachine.Settings.defaults().withArchitecture(90).withSeed(columns));
        Allocation out = machine.allocate("out", 128L * 4 * sums);
        machine.launch(machine.load(ptx.toString()).kernel("kernel"), new int[] {1, 1, 1}, new int[] {128, 1, 1}, 0,
                filled(machine, "a", imageA.bytes).address(), filled(machine, "b", imageB.bytes).address(),
                filled(machine, "registers", registers.array()).address(), out.address());
        float[] sum = out.readFloats(0, 128 * sums);
        for (int thread = 0; thread < 128; thread++) {
            for (int i = 0; i < sums; i++) {
                int row = thread / 32 * 16 + thread % 32 / 4 + (i % 4 / 2) * 8;
                int column = i / 4 * 8 + thread % 4 * 2 + i % 2;
                int expected = adds ? c[row][column] : 0;
                for (int k = 0; k < depth; k++) {
                    expected += (k / 16 % 2 == 0 ? 1 : -1) * a[row][k] * b[column][k];
                }
                assertEquals(expected, sum[thread * sums + i], "row " + row + " column " + column);
            }
        }
    }

    private static int[][] matrix(Random random, int rows, int columns) {
        int[][] matrix = new int[rows][columns];
        for (int[] row : matrix) {
            for (int i = 0; i < columns; i++) {
                row[i] = random.nextInt(15) - 7;
            }
        }
        return matrix;
    }

    private static Allocation filled(SimMachine machine, String name, byte[] bytes) {
        Allocation allocation = machine.allocate(name, bytes.length);
        allocation.write(0, ByteBuffer.wrap(bytes), bytes.length);
        return allocation;
    }
}
