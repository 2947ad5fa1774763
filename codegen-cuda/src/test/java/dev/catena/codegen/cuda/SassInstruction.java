package dev.catena.codegen.cuda;

/**
 * An instruction of 16 bytes, as far as gates look at it. What bits mean was found by compiling kernels that differ in one
 * line ({@code SassTest} does so again).
 *
 * @param address in bytes from the kernel's start
 * @param low     the first eight bytes
 * @param high    the last eight bytes
 */
record SassInstruction(int address, long low, long high) {
    /** What an instruction does: the low nine bits; the three above say which kinds of operands it has. */
    enum Opcode {
        LDG(0x181), STG(0x186), LDL(0x183), STL(0x187), LDS(0x184), STS(0x188), LDGSTS(0x1AE), DEPBAR(0x11A), HMMA(0x03C), HGMMA(0x1F0),
        UBLKCP(0x1BA), SYNCS(0x1A7), BRA(0x147), EXIT(0x14D),
        BAR(0x11D), NOP(0x118), FFMA(0x023), OTHER(-1);

        private final int bits;

        Opcode(int bits) {
            this.bits = bits;
        }
    }

    private static final int BYTES = 16;

    Opcode opcode() {
        for (Opcode opcode : Opcode.values()) {
            if (opcode.bits == (low & 0x1FF)) {
                return opcode;
            }
        }
        return Opcode.OTHER;
    }

    /** Bits that a lane reads or writes, for accesses to memory: 8 to 128. */
    int accessBits() {
        int width = (int) (high >>> 9) & 7;
        return width < 2 ? 8 : width < 4 ? 16 : 32 << width - 4;
    }

    boolean is(Opcode opcode) {
        return opcode() == opcode;
    }

    /**
     * Where a branch goes, in bytes from the kernel's start. From sm_90 on the low eight bits of the distance (in words of four
     * bytes) stand apart from the others.
     */
    int target(int capability) {
        long above = high << 46 >> 46 << 30 | low >>> 34;      // signed, 48 bits
        long words = capability < 90 ? above : above << 8 | low >>> 16 & 0xFF;
        return (int) (address + BYTES + 4 * words);
    }
}
