package dev.catena.sim;

import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.SimMachine;

/** Runs a few PTX instructions on one warp: lane i reads word i of each input and writes word i of each output. */
final class OneKernel {
    private OneKernel() {}

    /**
     * @param declarations registers beyond {@code %x0 …} (inputs) and {@code %y0 …} (outputs), all b32
     * @param body         what turns {@code %x}s into {@code %y}s
     * @param inputs       32 words each
     * @return 32 words for each output
     */
    static int[][] run(String declarations, String body, int outputs, int seed, int[]... inputs) {
        StringBuilder ptx = new StringBuilder(".version 7.0\n.target sm_80\n.address_size 64\n.visible .entry kernel(.param .u64 in,"
                + " .param .u64 out)\n{\n.reg .b32 %x<" + Math.max(1, inputs.length) + ">, %y<" + outputs + ">, %lane;\n"
                + ".reg .b64 %from, %to, %offset;\n" + declarations
                + "\nld.param.u64 %from, [in];\nld.param.u64 %to, [out];\nmov.u32 %lane, %laneid;\nmul.wide.u32 %offset, %lane, 4;\n"
                + "add.s64 %from, %from, %offset;\nadd.s64 %to, %to, %offset;\n");
        for (int i = 0; i < inputs.length; i++) {
            ptx.append("ld.global.b32 %x").append(i).append(", [%from+").append(i * 128).append("];\n");
        }
        ptx.append(body).append('\n');
        for (int i = 0; i < outputs; i++) {
            ptx.append("st.global.b32 [%to+").append(i * 128).append("], %y").append(i).append(";\n");
        }
        ptx.append("ret;\n}\n");
        SimMachine machine = new SimMachine(SimMachine.Settings.defaults().withSeed(seed));
        Allocation in = machine.allocate("in", 128L * Math.max(1, inputs.length));
        for (int i = 0; i < inputs.length; i++) {
            in.writeInts(128L * i, inputs[i]);
        }
        Allocation out = machine.allocate("out", 128L * outputs);
        machine.launch(machine.load(ptx.toString()).kernel("kernel"), new int[] {1, 1, 1}, new int[] {32, 1, 1}, 0, in.address(),
                out.address());
        int[][] results = new int[outputs][];
        for (int i = 0; i < outputs; i++) {
            results[i] = out.readInts(128L * i, 32);
        }
        return results;
    }

    /** The same words in every lane. */
    static int[] all(int word) {
        int[] words = new int[32];
        java.util.Arrays.fill(words, word);
        return words;
    }
}
