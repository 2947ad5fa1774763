package dev.catena.codegen.cpu;

/** Counts AMX's tile products in machine code: VEX.128.F3.0F38.W0 with 5E for TDPBSUD and 5C for TDPBF16PS (Intel's manual, volume 2). */
final class TileProducts {
    static final int TDPBSUD = 0x5E;
    static final int TDPBF16PS = 0x5C;

    private TileProducts() {}

    static int in(byte[] code, int opcode) {
        int found = 0;
        for (int i = 0; i + 4 < code.length; i++) {
            boolean product = (code[i] & 0xFF) == 0xC4 && (code[i + 1] & 0xFF) == 0xE2 && (code[i + 2] & 0x87) == 0x02
                    && code[i + 3] == opcode && (code[i + 4] & 0xC0) == 0xC0;
            found += product ? 1 : 0;
        }
        return found;
    }
}
