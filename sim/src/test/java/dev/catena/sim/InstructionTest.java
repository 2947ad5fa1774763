package dev.catena.sim;

import static dev.catena.sim.OneKernel.all;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.sim.machine.SimMachine;
import dev.catena.sim.machine.UnsupportedPtxException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Instructions one by one, against what the PTX ISA's pseudocode gives. */
class InstructionTest {
    private static int one(String instruction, int... inputs) {
        int[][] words = new int[inputs.length][];
        for (int i = 0; i < inputs.length; i++) {
            words[i] = all(inputs[i]);
        }
        int[] result = OneKernel.run(".reg .pred %p; .reg .b16 %h<4>; .reg .b64 %d<4>;", instruction, 1, 1, words)[0];
        for (int word : result) {
            assertEquals(result[0], word);
        }
        return result[0];
    }

    private static int f(double x) {
        return Float.floatToRawIntBits((float) x);
    }

    @Test
    void shiftsClampAtTheWidth() {
        assertEquals(0, one("shl.b32 %y0, %x0, 32;", 1));
        assertEquals(-1, one("shr.s32 %y0, %x0, 40;", -5));
        assertEquals(0, one("shr.u32 %y0, %x0, 32;", -5));
        assertEquals(0x34567812, one("shf.l.wrap.b32 %y0, %x0, %x0, 8;", 0x12345678));
        assertEquals(0x89abcdef, one("shf.r.clamp.b32 %y0, %x0, %x1, 40;", 0x01234567, 0x89abcdef));
    }

    @Test
    void permutesBytesAndSigns() {
        assertEquals(0x44332211, one("prmt.b32 %y0, %x0, %x1, 0x3210;", 0x44332211, 0x88776655));
        assertEquals(0x55118844, one("prmt.b32 %y0, %x0, %x1, 0x4073;", 0x44332211, 0x88776655));
        assertEquals(0xff00ff80, one("prmt.b32 %y0, %x0, %x1, 0x98f6;", 0x00008011, 0xff800000));
    }

    @Test
    void extractsAndInsertsFields() {
        assertEquals(0x5, one("bfe.u32 %y0, %x0, 4, 4;", 0x350 | 0x50));
        assertEquals(-1, one("bfe.s32 %y0, %x0, 4, 4;", 0xf0));
        assertEquals(-1, one("bfe.s32 %y0, %x0, 28, 8;", 0xf0000000));
        assertEquals(0, one("bfe.s32 %y0, %x0, 4, 0;", -1));
        assertEquals(0x12a45678, one("bfi.b32 %y0, %x1, %x0, 20, 4;", 0x12345678, 0xfa));
        assertEquals(4, one("bfind.u32 %y0, %x0;", 0x1f));
        assertEquals(-1, one("bfind.u32 %y0, %x0;", 0));
    }

    /** PTX ISA 9.7.1.19 and 9.7.1.20, bit by bit. */
    @Test
    void extractsAndInsertsFieldsOfLongWords() {
        Random random = new Random(2);
        for (int n = 0; n < 60; n++) {
            long a = random.nextLong();
            long b = random.nextLong();
            int at = n % 5 == 0 ? random.nextInt(256) : random.nextInt(64);
            int length = n % 7 == 0 ? random.nextInt(256) : random.nextInt(65);
            long inserted = b;
            long unsigned = 0;
            long signed = 0;
            for (int i = 0; i < 64; i++) {
                if (i < length && at + i <= 63) {
                    inserted = inserted & ~(1L << at + i) | (a >>> i & 1) << at + i;
                }
                long bit = i < length && at + i <= 63 ? a >>> at + i & 1 : 0;
                unsigned |= bit << i;
                signed |= (i < length && at + i <= 63 ? bit : length == 0 ? 0 : a >>> Math.min(at + length - 1, 63) & 1) << i;
            }
            String what = " of " + Long.toHexString(a) + " at " + at + ", " + length + " bits";
            assertEquals(inserted, wide("bfi.b64 %d2, %d0, %d1, " + at + ", " + length + ";", a, b), "bfi" + what);
            assertEquals(unsigned, wide("bfe.u64 %d2, %d0, " + at + ", " + length + ";", a, b), "bfe.u64" + what);
            assertEquals(signed, wide("bfe.s64 %d2, %d0, " + at + ", " + length + ";", a, b), "bfe.s64" + what);
        }
    }

    /** An instruction from %d0 and %d1 to %d2. */
    private static long wide(String instruction, long a, long b) {
        int[][] y = OneKernel.run(".reg .b64 %d<3>;", "mov.b64 %d0, {%x0, %x1}; mov.b64 %d1, {%x2, %x3}; " + instruction
                + " mov.b64 {%y0, %y1}, %d2;", 2, 1, all((int) a), all((int) (a >>> 32)), all((int) b), all((int) (b >>> 32)));
        return y[0][0] & 0xFFFFFFFFL | (long) y[1][0] << 32;
    }

    /** PTX ISA 9.7.1.24: two halves times the low or the high two bytes. */
    @Test
    void multipliesHalvesByBytes() {
        int halves = 0xfffe_0003;
        int bytes = 0x81_02_ff_05;
        assertEquals(100 + 3 * 5 - 2 * -1, one("dp2a.lo.s32.s32 %y0, %x0, %x1, %x2;", halves, bytes, 100));
        assertEquals(100 + 3 * 2 + 0xfffe * 0x81, one("dp2a.hi.u32.u32 %y0, %x0, %x1, %x2;", halves, bytes, 100));
        assertEquals(3 * 5 - 2 * 0xff, one("dp2a.lo.s32.u32 %y0, %x0, %x1, %x2;", halves, bytes, 0));
        assertEquals(3 * 2 + 0xfffe * -127, one("dp2a.hi.u32.s32 %y0, %x0, %x1, %x2;", halves, bytes, 0));
    }

    /** PTX ISA 9.7.3.14: the table of special values; else within two of the 20 bits that it has, the low 32 bits zero. */
    @Test
    void aGrossReciprocalHasTheUpperHalf() {
        double[][] specials = {{Double.NEGATIVE_INFINITY, -0.0}, {-1e-310, Double.NEGATIVE_INFINITY}, {-0.0, Double.NEGATIVE_INFINITY},
            {0.0, Double.POSITIVE_INFINITY}, {1e-310, Double.POSITIVE_INFINITY}, {Double.POSITIVE_INFINITY, 0.0}};
        for (double[] special : specials) {
            assertEquals(special[1], gross(special[0]));
        }
        assertTrue(Double.isNaN(gross(Double.NaN)));
        for (double x : new double[] {3, -7.25, 1e300, 1e-300, 0.1, Math.PI}) {
            double y = gross(x);
            assertEquals(1 / x, y, Math.abs(2 * 0x1p-20 / x));
            assertEquals(0, (int) Double.doubleToRawLongBits(y));
        }
        assertEquals(0.0, gross(0x1.8p1023), "a subnormal result is zero");
    }

    private static double gross(double x) {
        return Double.longBitsToDouble(wide("rcp.approx.ftz.f64 %d2, %d0;", Double.doubleToRawLongBits(x), 0));
    }

    /** PTX ISA 9.7.2: sums, differences and products of 128 bits from words and long words, against big integers. */
    @Test
    void carriesGoFromInstructionToInstruction() {
        Random random = new Random(3);
        long[] odd = {0, -1, 1, Long.MIN_VALUE, 0xFFFFFFFFL, 1L << 32};
        for (int n = 0; n < 40; n++) {
            long a = n < 36 ? odd[n / 6] : random.nextLong();
            long b = n < 36 ? odd[n % 6] : random.nextLong();
            long[] inputs = {a, b, random.nextLong(), random.nextLong()};
            BigInteger x = unsigned(a).add(unsigned(inputs[2]).shiftLeft(64));
            BigInteger y = unsigned(b).add(unsigned(inputs[3]).shiftLeft(64));
            check(x.add(y), "add.cc.u64 %d4, %d0, %d1; addc.u64 %d5, %d2, %d3;", inputs);
            check(x.subtract(y), "sub.cc.s64 %d4, %d0, %d1; subc.s64 %d5, %d2, %d3;", inputs);
            check(unsigned(a).multiply(unsigned(b)).add(x), "mad.lo.cc.u64 %d4, %d0, %d1, %d0; madc.hi.u64 %d5, %d0, %d1, %d2;", inputs);
            check(BigInteger.valueOf(a).multiply(BigInteger.valueOf(b)).add(x),
                    "mad.lo.cc.s64 %d4, %d0, %d1, %d0; madc.hi.s64 %d5, %d0, %d1, %d2;", inputs);
            check(x.add(y), words("add.cc.u32 %w8, %w0, %w2; addc.cc.u32 %w9, %w1, %w3; addc.cc.u32 %w10, %w4, %w6; addc.u32 %w11, %w5, %w7;"),
                    inputs);
            check(x.subtract(y), words("sub.cc.u32 %w8, %w0, %w2; subc.cc.u32 %w9, %w1, %w3; subc.cc.u32 %w10, %w4, %w6; subc.u32 %w11, %w5, %w7;"),
                    inputs);
            // The low words' product, and a sum behind it that takes its carries on.
            check(unsigned(a & 0xFFFFFFFFL).multiply(unsigned(b & 0xFFFFFFFFL)).add(x), words("mad.lo.cc.u32 %w8, %w0, %w2, %w0; "
                    + "madc.hi.cc.u32 %w9, %w0, %w2, %w1; addc.cc.u32 %w10, %w4, 0; addc.u32 %w11, %w5, 0;"), inputs);
        }
    }

    /** Around instructions on the inputs' words %w0 … %w7 that make %w8 … %w11. */
    private static String words(String instructions) {
        return "mov.b64 {%w0, %w1}, %d0; mov.b64 {%w2, %w3}, %d1; mov.b64 {%w4, %w5}, %d2; mov.b64 {%w6, %w7}, %d3; " + instructions
                + " mov.b64 %d4, {%w8, %w9}; mov.b64 %d5, {%w10, %w11};";
    }

    private static BigInteger unsigned(long x) {
        return new BigInteger(Long.toUnsignedString(x));
    }

    /** Instructions from %d0 … %d3 to the 128 bits of %d4 and %d5. */
    private static void check(BigInteger wanted, String instructions, long[] inputs) {
        StringBuilder body = new StringBuilder();
        int[][] words = new int[2 * inputs.length][];
        for (int i = 0; i < inputs.length; i++) {
            body.append("mov.b64 %d").append(i).append(", {%x").append(2 * i).append(", %x").append(2 * i + 1).append("}; ");
            words[2 * i] = all((int) inputs[i]);
            words[2 * i + 1] = all((int) (inputs[i] >>> 32));
        }
        int[][] y = OneKernel.run(".reg .b64 %d<6>; .reg .b32 %w<12>;", body + instructions
                + " mov.b64 {%y0, %y1}, %d4; mov.b64 {%y2, %y3}, %d5;", 4, 1, words);
        BigInteger got = BigInteger.ZERO;
        for (int i = 3; i >= 0; i--) {
            got = got.shiftLeft(32).add(BigInteger.valueOf(y[i][7] & 0xFFFFFFFFL));
        }
        assertEquals(wanted.mod(BigInteger.ONE.shiftLeft(128)), got, instructions + java.util.Arrays.toString(inputs));
    }

    @Test
    void lop3FollowsItsTable() {
        Random random = new Random(1);
        for (int table = 0; table < 256; table += 5) {
            int a = random.nextInt();
            int b = random.nextInt();
            int c = random.nextInt();
            int expected = 0;
            for (int bit = 0; bit < 32; bit++) {
                int index = (a >>> bit & 1) << 2 | (b >>> bit & 1) << 1 | c >>> bit & 1;
                expected |= (table >>> index & 1) << bit;
            }
            assertEquals(expected, one("lop3.b32 %y0, %x0, %x1, %x2, " + table + ";", a, b, c), "table " + table);
        }
    }

    @Test
    void multipliesWideAndHigh() {
        assertEquals((int) ((long) -7 * 0x7fffffff >> 32), one("mul.hi.s32 %y0, %x0, %x1;", -7, 0x7fffffff));
        assertEquals((int) (0xfffffff9L * 0x7fffffffL >>> 32), one("mul.hi.u32 %y0, %x0, %x1;", -7, 0x7fffffff));
        assertEquals(-1 * 2 + 3 * -4 + 5 * 6 + -7 * 8 + 100, one("dp4a.s32.s32 %y0, %x0, %x1, %x2;", 0xf90503ff, 0x0806fc02, 100));
    }

    @Test
    void roundsAsTold() {
        for (String[] form : new String[][] {{"rm", "FLOOR"}, {"rp", "CEILING"}, {"rz", "DOWN"}}) {
            Random random = new Random(7);
            for (int n = 0; n < 20; n++) {
                float a = random.nextFloat() * 3 - 1.5f;
                float b = (random.nextFloat() - 0.5f) * (float) Math.pow(2, random.nextInt(60) - 50);
                float c = (random.nextFloat() - 0.5f) * (float) Math.pow(2, random.nextInt(60) - 50);
                BigDecimal exact = new BigDecimal(a).multiply(new BigDecimal(b)).add(new BigDecimal(c));
                float found = Float.intBitsToFloat(one("fma." + form[0] + ".f32 %y0, %x0, %x1, %x2;", f(a), f(b), f(c)));
                boolean down = form[0].equals("rm") || form[0].equals("rz") && exact.signum() > 0;
                float neighbour = down ? Math.nextUp(found) : Math.nextDown(found);
                int side = new BigDecimal(found).compareTo(exact);
                assertTrue(down ? side <= 0 : side >= 0, form[0] + " " + a + " " + b + " " + c);
                assertTrue(down ? new BigDecimal(neighbour).compareTo(exact) > 0 : new BigDecimal(neighbour).compareTo(exact) < 0);
            }
        }
    }

    @Test
    void flushesOnlyWhenTold() {
        int tiny = 0x00000100;
        assertEquals(tiny, one("add.f32 %y0, %x0, %x1;", tiny, 0));
        assertEquals(0, one("add.ftz.f32 %y0, %x0, %x1;", tiny, 0));
        assertEquals(0x80000000, one("mul.ftz.f32 %y0, %x0, %x1;", 0x80000100, f(1)));
        assertEquals(0x00030003, one("add.f16x2 %y0, %x0, %x1;", 0x00010001, 0x00020002));
    }

    @Test
    void halfFmaRoundsOnce() {
        Random random = new Random(3);
        for (int n = 0; n < 60; n++) {
            int x = random.nextInt(0x7800) | (random.nextBoolean() ? 0x8000 : 0);
            int y = random.nextInt(0x4000);
            int z = random.nextInt(0x7800) | (random.nextBoolean() ? 0x8000 : 0);
            int found = one("fma.rn.f16x2 %y0, %x0, %x1, %x2;", x, y, z) & 0xffff;
            assertEquals(nearestHalf(exact(x).multiply(exact(y)).add(exact(z))), found, Integer.toHexString(x) + " " + y + " " + z);
        }
    }

    private static BigDecimal exact(int half) {
        int exponent = half >> 10 & 31;
        int mantissa = half & 1023;
        double value = exponent == 0 ? mantissa * 0x1p-24 : (1024 + mantissa) * Math.pow(2, exponent - 25);
        return new BigDecimal((half & 0x8000) != 0 ? -value : value);
    }

    /** The nearest of all finite halves, ties to the even one, by search. */
    private static int nearestHalf(BigDecimal x) {
        int best = -1;
        BigDecimal distance = null;
        int sign = x.signum() < 0 ? 0x8000 : 0;
        for (int bits = 0; bits < 0x7c00; bits++) {
            BigDecimal d = exact(bits).subtract(x.abs()).abs();
            int order = distance == null ? -1 : d.compareTo(distance);
            if (order < 0 || order == 0 && (bits & 1) == 0) {
                best = bits;
                distance = d;
            }
        }
        return x.abs().compareTo(new BigDecimal(65520)) >= 0 ? sign | 0x7c00 : sign | best;
    }

    @Test
    void converts() {
        assertEquals(2, one("cvt.rni.s32.f32 %y0, %x0;", f(2.5)));
        assertEquals(-3, one("cvt.rmi.s32.f32 %y0, %x0;", f(-2.5)));
        assertEquals(Integer.MAX_VALUE, one("cvt.rzi.s32.f32 %y0, %x0;", f(1e20)));
        assertEquals(0, one("cvt.rzi.u32.f32 %y0, %x0;", f(-3)));
        assertEquals(0, one("cvt.rzi.s32.f32 %y0, %x0;", 0x7fc00000));
        assertEquals(-128, one("cvt.sat.s8.s32 %y0, %x0;", -1000));
        assertEquals(f(4.2949673e9), one("cvt.rn.f32.u32 %y0, %x0;", -1));
        assertEquals(f(1), one("cvt.sat.f32.f32 %y0, %x0;", f(7)));
        assertEquals(0x4000_3c00, one("cvt.rn.f16x2.f32 %y0, %x0, %x1;", f(2), f(1)));
        assertEquals(0x0001, one("cvt.rn.f16.f32 %h0, %x0; cvt.u32.u16 %y0, %h0;", f(0x1p-24)));
        assertEquals(0x7c00, one("cvt.rn.f16.f32 %h0, %x0; cvt.u32.u16 %y0, %h0;", f(65520)));
        assertEquals(0x7bff, one("cvt.rn.f16.f32 %h0, %x0; cvt.u32.u16 %y0, %h0;", f(65519)));
        assertEquals(f(5.9604645e-8), one("cvt.u16.u32 %h0, %x0; cvt.f32.f16 %y0, %h0;", 1));
    }

    @Test
    void approximationsStayWithinTheirBound() {
        Random random = new Random(5);
        boolean missed = false;
        for (int seed = 1; seed <= 3; seed++) {
            int[] inputs = new int[32];
            for (int i = 0; i < 32; i++) {
                inputs[i] = f(random.nextFloat() * 20 + 0.01f);
            }
            int[][] found = OneKernel.run("", """
                    ex2.approx.ftz.f32 %y0, %x0;
                    rcp.approx.ftz.f32 %y1, %x0;
                    rsqrt.approx.f32 %y2, %x0;
                    lg2.approx.f32 %y3, %x0;
                    tanh.approx.f32 %y4, %x0;
                    """, 5, seed, inputs);
            for (int i = 0; i < 32; i++) {
                double x = Float.intBitsToFloat(inputs[i]);
                double[] exact = {Math.pow(2, x), 1 / x, 1 / Math.sqrt(x), Math.log(x) / Math.log(2), Math.tanh(x)};
                // PTX ISA 9.1, 9.7.3: 2 ulp, 1 ulp, relative, absolute near 1 and relative beyond, relative.
                double[] bound = {2 * Math.ulp((float) exact[0]), Math.ulp((float) exact[1]), Math.pow(2, -22.9) * exact[2],
                    0x1p-22 * (x > 0.5 && x < 2 ? 1 : Math.abs(exact[3])), 0x1p-11 * exact[4]};
                for (int k = 0; k < 5; k++) {
                    double y = Float.intBitsToFloat(found[k][i]);
                    double error = Math.abs(y - exact[k]);
                    assertTrue(error <= bound[k], k + " of " + x + ": " + error + " > " + bound[k]);
                    missed |= Float.floatToRawIntBits((float) exact[k]) != found[k][i];
                }
            }
        }
        assertTrue(missed, "approximations must not be exact");
    }

    /** Too large for f32 is infinite, also where a double could hold it. */
    @Test
    void approximationsOverflowToInfinity() {
        assertEquals(0x7f800000, one("ex2.approx.ftz.f32 %y0, %x0;", f(249)));
        assertEquals(0x7f800000, one("ex2.approx.f32 %y0, %x0;", f(1e5f)));
    }

    /** It multiplies by a reciprocal, which is zero for divisors above 2^126; {@code div.full} covers them. */
    @Test
    void approximateDivisionLosesLargeDivisors() {
        assertEquals(0, one("div.approx.f32 %y0, %x0, %x1;", f(0x1p100), f(0x1p127)));
        assertEquals(0x80000000, one("div.approx.f32 %y0, %x0, %x1;", f(0x1p100), f(-0x1p127)));
        assertTrue(Float.isNaN(Float.intBitsToFloat(one("div.approx.f32 %y0, %x0, %x1;", 0x7f800000, f(0x1p127)))));
        int[] full = OneKernel.run("", "div.full.f32 %y0, %x0, %x1;", 1, 1, all(f(0x1p100)), all(f(0x1p127)))[0];
        for (int quotient : full) {
            assertEquals(0x1p-27, Float.intBitsToFloat(quotient), 2 * Math.ulp(0x1p-27f));
        }
    }

    @Test
    void shufflesReadTheLaneTheyName() {
        int[] lanes = new int[32];
        for (int i = 0; i < 32; i++) {
            lanes[i] = i;
        }
        int[][] found = OneKernel.run("", """
                shfl.sync.bfly.b32 %y0, %x0, 5, 31, -1;
                shfl.sync.down.b32 %y1, %x0, 3, 0x181f, -1;
                shfl.sync.up.b32 %y2, %x0, 2, 0, -1;
                shfl.sync.idx.b32 %y3, %x0, 6, 0x1c1f, -1;
                """, 4, 1, lanes);
        for (int lane = 0; lane < 32; lane++) {
            assertEquals(lane ^ 5, found[0][lane]);
            assertEquals(lane % 8 + 3 < 8 ? lane + 3 : lane, found[1][lane], "down in segments of 8");
            assertEquals(lane >= 2 ? lane - 2 : lane, found[2][lane]);
            assertEquals(lane / 4 * 4 + 2, found[3][lane], "index in segments of 4");
        }
    }

    @Test
    void lanesAreComparedAndReduced() {
        int[] lanes = new int[32];
        for (int i = 0; i < 32; i++) {
            lanes[i] = i % 5 - 2;
        }
        int[][] found = OneKernel.run(".reg .pred %p; .reg .b32 %t;", """
                match.any.sync.b32 %y0, %x0, -1;
                match.all.sync.b32 %y1|%p, %x0, -1;
                selp.b32 %t, 1, 0, %p;
                add.s32 %y1, %y1, %t;
                mov.b32 %t, 7;
                match.all.sync.b32 %y2|%p, %t, -1;
                redux.sync.add.s32 %y3, %x0, -1;
                redux.sync.min.s32 %y4, %x0, -1;
                redux.sync.min.u32 %y5, %x0, -1;
                redux.sync.xor.b32 %y6, %x0, -1;
                elect.sync %y7|%p, -1;
                selp.b32 %t, 32, 0, %p;
                add.s32 %y7, %y7, %t;
                """, 8, 1, lanes);
        int sum = 0;
        int xor = 0;
        for (int x : lanes) {
            sum += x;
            xor ^= x;
        }
        int leader = found[7][0] & 31;
        for (int lane = 0; lane < 32; lane++) {
            int equal = 0;
            for (int other = 0; other < 32; other++) {
                equal |= lanes[other] == lanes[lane] ? 1 << other : 0;
            }
            assertEquals(equal, found[0][lane]);
            assertEquals(0, found[1][lane], "not all are equal: no mask, and the predicate false");
            assertEquals(-1, found[2][lane]);
            assertEquals(sum, found[3][lane]);
            assertEquals(-2, found[4][lane]);
            assertEquals(0, found[5][lane]);
            assertEquals(xor, found[6][lane]);
            assertEquals(leader + (lane == leader ? 32 : 0), found[7][lane], "all know the leader, which alone is elected");
        }
    }

    @Test
    void minimumIgnoresNaN() {
        int nan = 0x7fc00000;
        assertEquals(f(3), one("min.f32 %y0, %x0, %x1;", nan, f(3)));
        assertTrue(Float.isNaN(Float.intBitsToFloat(one("min.NaN.f32 %y0, %x0, %x1;", nan, f(3)))));
        assertEquals(0x80000000, one("min.f32 %y0, %x0, %x1;", 0, 0x80000000));
        assertEquals(1, one("setp.geu.f32 %p, %x0, %x1; selp.b32 %y0, 1, 0, %p;", nan, f(3)));
        assertEquals(0, one("setp.ne.f32 %p, %x0, %x1; selp.b32 %y0, 1, 0, %p;", nan, f(3)));
    }

    /** Two functions that call a third, one of them through another; and one that calls itself through another. */
    @Test
    void functionsAreSharedButNotRecursive() {
        String call = ".func %s() { call.uni %s; ret; }\n";
        String head = ".version 7.0\n.target sm_80\n.address_size 64\n.func a();\n.func b();\n.func c();\n";
        String kernel = ".visible .entry kernel() { call.uni a; call.uni c; ret; }\n";
        SimMachine machine = new SimMachine(SimMachine.Settings.defaults());
        machine.launch(machine.load(head + call.formatted("a", "b") + call.formatted("b", "c") + ".func c() { ret; }\n" + kernel)
                .kernel("kernel"), new int[] {1, 1, 1}, new int[] {32, 1, 1}, 0);
        UnsupportedPtxException e = assertThrows(UnsupportedPtxException.class, () -> machine.load(head + call.formatted("a", "b")
                + call.formatted("b", "a") + ".func c() { ret; }\n" + kernel).kernel("kernel"));
        assertTrue(e.getMessage().contains("recursion"), e.getMessage());
    }

    @Test
    void anUnknownInstructionIsNamed() {
        UnsupportedPtxException e = assertThrows(UnsupportedPtxException.class, () -> one("tcgen05.wait::ld.sync.aligned;", 1));
        assertTrue(e.getMessage().contains("tcgen05.wait::ld.sync.aligned"), e.getMessage());
        e = assertThrows(UnsupportedPtxException.class, () -> one("mov.u32 %y0, %clock;", 1));
        assertTrue(e.getMessage().contains("%clock"), e.getMessage());
    }
}
