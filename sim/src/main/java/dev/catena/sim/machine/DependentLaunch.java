package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;

/**
 * {@code griddepcontrol} (PTX ISA 9.7.13.13): a kernel that has a wait may have begun before the launches in front of it ended. Here they
 * have; but until a thread's wait it must touch no memory that a launch has written, and write none. And some thread has to wait in
 * every launch: who waits for a launch that didn't wait itself doesn't wait for those before it.
 */
final class DependentLaunch {
    private DependentLaunch() {}

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        if (i.has("launch_dependents")) {
            return CompareOps.plain((w, active) -> { });
        }
        if (!i.has("wait")) {
            throw k.unsupported("");
        }
        k.mayBeginEarly();
        return CompareOps.plain((w, active) -> {
            w.waitedForLaunches |= active;
            w.block.launch.waited = true;
        });
    }
}
