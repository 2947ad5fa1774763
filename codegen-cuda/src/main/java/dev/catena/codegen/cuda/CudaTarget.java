package dev.catena.codegen.cuda;

import dev.catena.codegen.Target;
import java.util.List;

/**
 * A GPU architecture that code is generated for.
 *
 * @param name as it stands in a manifest and as NVRTC knows it, such as {@code sm_86}
 * @param capability its compute capability, ten times the major number plus the minor one
 */
public record CudaTarget(String name, int capability) implements Target {
    private static final List<CudaTarget> KNOWN = List.of(75, 80, 86, 89, 90, 100, 120).stream()
            .map(capability -> new CudaTarget("sm_" + capability, capability)).toList();
    /** Its code runs on compute capability 9.0 alone and has what no other GPU has. */
    private static final CudaTarget HOPPER_ALONE = new CudaTarget("sm_90a", 90);

    /**
     * The target that {@code text} names.
     *
     * @throws IllegalArgumentException in one line, if there is no such target
     */
    public static CudaTarget parse(String text) {
        for (CudaTarget target : KNOWN) {
            if (target.name.equals(text)) {
                return target;
            }
        }
        if (HOPPER_ALONE.name.equals(text)) {
            return HOPPER_ALONE;
        }
        throw new IllegalArgumentException("unknown target '" + text + "'; known GPU architectures are "
                + String.join(", ", KNOWN.stream().map(CudaTarget::name).toList())
                + " (code runs on its own and on higher minor versions: sm_86 also serves sm_89)");
    }

    /** Whether a kernel may begin before the one in front of it has ended (griddepcontrol). */
    public boolean overlapsLaunches() {
        return capability >= 90;
    }

    /** Whether weights may come by bulk copies (cp.async.bulk, sm_90 and later), and half of a multiprocessor's shared memory is enough for them. */
    public boolean copiesInBulk() {
        return capability >= 90 && capability < 120;
    }

    /** Whether copies go past the registers (cp.async), and a block may have 99 KiB of shared memory. */
    boolean copiesAsynchronously() {
        return capability >= 80;
    }

    /** Whether four warps multiply together (wgmma), which no GPU has run yet. */
    public boolean multipliesByWarpgroup() {
        return equals(HOPPER_ALONE);
    }

    /** All targets whose code newer minor versions run, too; older ones first. */
    public static List<CudaTarget> known() {
        return KNOWN;
    }

    /**
     * The virtual architecture whose PTX goes along, for GPUs that the target's own code doesn't fit: one for all from
     * compute capability 8.0 on, one below. That of {@code sm_90a} is for no other GPU: the simulator runs it.
     */
    public String ptxFamily() {
        return multipliesByWarpgroup() ? "compute_90a" : capability < 80 ? "compute_75" : "compute_80";
    }

    /** Likewise, of code that has instructions which came with sm_90. */
    String newestPtxFamily() {
        return capability < 90 || multipliesByWarpgroup() ? ptxFamily() : "compute_90";
    }
}
