package dev.catena.codegen.cuda;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The PTX version that a text declares. NVRTC declares its own newest one, which drivers older than it refuse, though the
 * instructions of these kernels are years older: PTX ISA 7.0 has all of them (cp.async and mma.m16n8k16 came with it), 8.0 those of
 * sm_90 (bulk copies that tell an mbarrier) and sm_90a (wgmma, setmaxnreg).
 */
final class PtxVersion {
    private static final String SUFFICIENT = "7.0";
    private static final String OF_HOPPER = "8.0";
    private static final Pattern DECLARATION = Pattern.compile("(?m)^\\.version [0-9.]+$");

    /** A hint of PTX ISA 8.3 of which bytes of a load are used; without it the load is the same. */
    private static final Pattern HINT = Pattern.compile("(?m)^\\s*\\.pragma \"used_bytes_mask [^\"]*\";\\R?");

    private PtxVersion() {}

    /** The text with the lowest version that suffices; a test links it for each architecture. @param family such as {@code compute_80} */
    static String lowered(String ptx, String family) {
        Matcher declaration = DECLARATION.matcher(ptx);
        if (!declaration.find()) {
            throw new IllegalArgumentException("PTX without a version");
        }
        return HINT.matcher(declaration.replaceFirst(".version " + (family.startsWith("compute_90") ? OF_HOPPER : SUFFICIENT))).replaceAll("");
    }
}
