package dev.catena.runtime.cpu;

import dev.catena.artifact.ArtifactException;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.Device;
import dev.catena.runtime.DeviceModel;
import dev.catena.runtime.Holders;
import dev.catena.runtime.UnsupportedPlatformException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A model's code and weights for CPUs: the artifact mapped, its library loaded. All sessions of the model share it; it
 * goes when the last of those who {@link #retain}ed it has {@link #close}d it. Thread-safe.
 */
public final class CpuModel implements DeviceModel {
    private final ArtifactReader reader;
    private final Manifest.Target target;
    private final MappedFile file;
    private final CodeLibrary code;
    private final Map<String, Long> functions = new HashMap<>();
    private final Holders holders = new Holders();

    /**
     * Loads the artifact's best target that this machine can run: of those whose features it has, the one with the most.
     *
     * @throws UnsupportedPlatformException that names the missing features, when there is none
     */
    public CpuModel(ArtifactReader reader) {
        this.reader = reader;
        target = choose(reader, CpuFeatures.ofThisMachine());
        file = new MappedFile(reader);
        CodeLibrary library = null;
        try {
            library = new CodeLibrary(reader.bytes(target.library()));
            for (Manifest.Stage stage : reader.manifest().stages()) {
                String symbol = stage.code().get(target.name()).symbol();
                long function = library.symbol(symbol);
                if (function == 0) {
                    throw new ArtifactException(reader.path(), target.library() + " lacks the function " + symbol
                            + " of stage '" + stage.name() + "'");
                }
                functions.put(symbol, function);
            }
        } catch (RuntimeException e) {
            if (library != null) {
                library.close();
            }
            file.close();
            throw e;
        }
        code = library;
    }

    static Manifest.Target choose(ArtifactReader reader, CpuFeatures features) {
        Manifest.Target best = null;
        Manifest.Target nearest = null;
        for (Manifest.Target target : reader.manifest().targets()) {
            if (!isCpu(target)) {
                continue;
            }
            int missing = features.missing(target.features()).size();
            if (missing == 0 && (best == null || target.features().size() > best.features().size())) {
                best = target;
            }
            if (nearest == null || missing < features.missing(nearest.features()).size()) {
                nearest = target;
            }
        }
        if (nearest == null) {
            throw new UnsupportedPlatformException(reader.path() + ": has code for "
                    + String.join(", ", reader.manifest().targetNames()) + " and none for a CPU; compile it with --target cpu");
        }
        if (best == null) {
            throw new UnsupportedPlatformException(reader.path() + ": has code for "
                    + String.join(", ", reader.manifest().targetNames()) + ", but this CPU lacks "
                    + String.join(", ", features.missing(nearest.features())) + "; compile it with --target cpu on this machine");
        }
        return best;
    }

    static boolean isCpu(Manifest.Target target) {
        return target.name().equals("cpu") || target.name().startsWith("cpu:");
    }

    @Override
    public Manifest.Target target(String device) {
        return target;
    }

    @Override
    public Device open(String name, int threads) {
        return new CpuDevice(name, this, threads);
    }

    @Override
    public CpuModel retain() {
        holders.add();
        return this;
    }

    @Override
    public void close() {
        if (!holders.remove()) {
            return;
        }
        code.close();
        file.close();
    }

    long function(Manifest.Stage stage) {
        return functions.get(codeOf(stage).symbol());
    }

    Manifest.Code codeOf(Manifest.Stage stage) {
        return stage.code().get(target.name());
    }

    /** Where the stage's weights lie, in the manifest's order. */
    List<Long> weights(Manifest.Stage stage) {
        List<Long> addresses = new ArrayList<>();
        for (Manifest.Weight weight : stage.weights()) {
            addresses.add(file.address(reader.offset(weight.entry()), weight.bytes()));
        }
        return addresses;
    }
}
