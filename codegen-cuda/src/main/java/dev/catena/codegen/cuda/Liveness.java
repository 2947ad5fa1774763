package dev.catena.codegen.cuda;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.View;
import java.util.List;

/** Who still reads what a launch writes: decides which launches may become one kernel. */
final class Liveness {
    private Liveness() {}

    /**
     * Whether nothing behind {@code index} reads the view before its place is written again, which is given out anew only when
     * nobody needs it any more; {@code but} was written by the last one.
     */
    static boolean isDeadBehind(List<Launch> launches, int index, View view, View... but) {
        if (!(view.buffer() instanceof Buffer.Arena)) {
            return false;
        }
        for (Launch launch : launches.subList(index + 1, launches.size())) {
            for (View read : launch.reads()) {
                if (overlap(read, view) && !List.of(but).contains(read)) {
                    return false;
                }
            }
            if (launch.writes().stream().anyMatch(written -> overlap(written, view))) {
                return true;
            }
        }
        return true;
    }

    /**
     * Whether the launch at {@code index} only makes the rows of x of the linear layer behind it: exactly those, whole, and nothing else reads
     * them, so that the layer's own kernel may compute them.
     */
    static boolean makesOnlyRowsOfNext(List<Launch> launches, int index) {
        if (index + 1 >= launches.size() || !(launches.get(index + 1) instanceof LinearLaunch linear)) {
            return false;
        }
        Launch before = launches.get(index);
        boolean rows = before instanceof RmsNormLaunch norm
                ? norm.width() == norm.x().columns() && norm.y().equals(linear.x()) && norm.rows() == linear.rows()
                : before instanceof LoopNestLaunch nest && nest.y().equals(linear.x()) && nest.rows() == linear.rows();
        return rows && linear.residual().stream().noneMatch(view -> overlap(view, linear.x())) && isDeadBehind(launches, index + 1, linear.x());
    }

    /** Whether the two may share a byte. */
    static boolean overlap(View a, View b) {
        if (a.buffer() instanceof Buffer.Arena one && b.buffer() instanceof Buffer.Arena other) {
            return one.offset() < other.offset() + other.bytes() && other.offset() < one.offset() + one.bytes();
        }
        return a.buffer().equals(b.buffer());
    }
}
