package dev.catena.sim.ptx;

import java.util.List;
import java.util.Map;

/**
 * A parsed PTX file.
 *
 * @param version   {@code .version}, such as {@code 7.0}
 * @param target    {@code .target}, such as {@code sm_80}
 * @param functions by name, kernels and device functions
 * @param variables module-scope variables
 */
public record PtxModule(String version, String target, Map<String, PtxFunction> functions, List<PtxVariable> variables) {

    /** Reads PTX text. @throws PtxSyntaxException with the line */
    public static PtxModule parse(String text) {
        return new PtxParser(text).module();
    }
}
