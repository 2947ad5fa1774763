package dev.catena.sim.machine;

import dev.catena.runtime.DeviceException;
import dev.catena.sim.ptx.PtxInstruction;

/** An instruction or form of one that sim doesn't know; the message names it. */
public final class UnsupportedPtxException extends DeviceException {
    UnsupportedPtxException(PtxInstruction instruction, String why) {
        super("sim doesn't know " + instruction.name() + (why.isEmpty() ? "" : " (" + why + ")") + ", PTX line "
                + instruction.textLine() + (instruction.source() == null ? "" : ", " + instruction.source()));
    }

    UnsupportedPtxException(String message) {
        super(message);
    }
}
