package dev.catena.runtime.gpu;

import dev.catena.artifact.KernelProgram;
import dev.catena.runtime.DeviceException;
import java.util.List;
import java.util.Map;

/** A program whose arguments have become addresses. */
final class BoundProgram {
    private final String what;
    private final int[] rows;
    private final KernelLaunch[][] launches;

    /**
     * @param places addresses by argument, without what {@code +N} adds
     * @param what   the program is called in messages
     * @param dead   regions that hold nothing any more when it begins
     */
    BoundProgram(ModelOnGpu model, KernelProgram program, Map<String, Long> places, String what, long... dead) {
        this.what = what;
        List<KernelProgram.Bucket> buckets = program.buckets();
        rows = buckets.stream().mapToInt(KernelProgram.Bucket::rows).toArray();
        launches = new KernelLaunch[buckets.size()][];
        for (int i = 0; i < launches.length; i++) {
            List<KernelProgram.Launch> list = buckets.get(i).launches();
            launches[i] = new KernelLaunch[list.size()];
            for (int n = 0; n < list.size(); n++) {
                KernelProgram.Launch launch = list.get(n);
                long[] pointers = launch.args().stream().mapToLong(argument -> pointer(places, argument, launch)).toArray();
                launches[i][n] = new KernelLaunch(launch.kernel(), model.kernel(launch.kernel(), launch.shared()),
                        ints(launch.grid()), ints(launch.block()), launch.shared(), pointers, n == 0 ? dead : new long[0]);
            }
        }
    }

    private long pointer(Map<String, Long> places, String argument, KernelProgram.Launch launch) {
        int plus = argument.indexOf('+');
        Long base = places.get(plus < 0 ? argument : argument.substring(0, plus));
        if (base == null) {
            throw new DeviceException(what + ", kernel " + launch.kernel() + ": there is no " + argument);
        }
        return base + (plus < 0 ? 0 : Long.parseLong(argument.substring(plus + 1)));
    }

    private static int[] ints(List<Integer> values) {
        return values.stream().mapToInt(Integer::intValue).toArray();
    }

    /** The most rows of a step, bucket by bucket. */
    int[] buckets() {
        return rows;
    }

    /** What runs for a step of so many rows. */
    KernelLaunch[] launches(int stepRows) {
        for (int i = 0; i < rows.length; i++) {
            if (rows[i] >= stepRows) {
                return launches[i];
            }
        }
        throw new DeviceException(what + " has no launches for " + stepRows + " rows");
    }
}
