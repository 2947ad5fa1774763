package dev.catena.codegen.cuda;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The kernels of one decoder of 4 bits for each target: a class of its own, so that both forks of the build have work to the end. Targets of a
 * generation whose first has them all take those for up to 4 rows, unless {@code -Dcatena.tests.product=true}: sources tell generations apart,
 * and {@link HotKernelGateTest} looks at the machine code for up to 16 rows of each target.
 */
class EveryTargetTest {
    static List<String> targets() {
        return CudaTarget.known().stream().map(CudaTarget::name).toList();
    }

    @ParameterizedTest
    @MethodSource("targets")
    void everyKernelCompiles(String target) throws IOException {
        DecoderShape shape = CudaProgramTest.shapes().findFirst().orElseThrow();
        boolean like80 = List.of("sm_86", "sm_89").contains(target) && !Boolean.getBoolean("catena.tests.product");
        CudaProgramTest.assertCompiles((like80 ? shape.withRows(4) : shape).program(), CudaTarget.parse(target));
    }
}
