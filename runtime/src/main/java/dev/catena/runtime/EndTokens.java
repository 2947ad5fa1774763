package dev.catena.runtime;

import dev.catena.artifact.Manifest;
import java.util.Collection;

/** The ids that end a generation: the application's and, unless they are to be ignored, the model's own. */
final class EndTokens {
    // Arrays: iterating over a collection allocates.
    private final int[] stopIds;
    private final int[] eosIds;

    EndTokens(Manifest.Model model, GenerationOptions options) {
        stopIds = ints(options.stopIds());
        eosIds = options.ignoreEos() ? new int[0] : ints(model.eos());
    }

    private static int[] ints(Collection<Integer> ids) {
        return ids.stream().mapToInt(Integer::intValue).toArray();
    }

    /** Why {@code id} ends it, or null where it doesn't. */
    FinishReason reason(int id) {
        return contains(stopIds, id) ? FinishReason.STOP_ID : contains(eosIds, id) ? FinishReason.EOS : null;
    }

    private static boolean contains(int[] ids, int id) {
        for (int each : ids) {
            if (each == id) {
                return true;
            }
        }
        return false;
    }
}
