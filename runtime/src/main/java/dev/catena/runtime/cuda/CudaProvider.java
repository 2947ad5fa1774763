package dev.catena.runtime.cuda;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.DeviceException;
import dev.catena.runtime.DeviceModel;
import dev.catena.runtime.DeviceProvider;
import dev.catena.runtime.Devices;
import dev.catena.runtime.gpu.GpuDriver;
import dev.catena.runtime.gpu.GpuFacts;
import dev.catena.runtime.gpu.GpuModel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** NVIDIA's GPUs. The driver is looked for when somebody asks for them, once. */
public final class CudaProvider implements DeviceProvider {
    private static final String ALL = "cuda devices";
    /** GPUs older than this have no code (docs/cuda-abi.md). */
    private static final int LEAST_CAPABILITY = 75;

    /** Drivers, or why there is none, by the library's name. */
    private final Map<String, CudaDriver> drivers = new HashMap<>();
    private final Map<String, DeviceException> refusals = new HashMap<>();

    @Override
    public String kind() {
        return "cuda";
    }

    /** @param wanted what can't be used without it, for messages */
    private synchronized CudaDriver driver(String wanted) {
        String library = DriverLibrary.name();
        if (!drivers.containsKey(library) && !refusals.containsKey(library)) {
            try {
                drivers.put(library, new CudaDriver(library));
            } catch (DeviceException e) {
                refusals.put(library, e);
            }
        }
        if (refusals.containsKey(library)) {
            throw new DeviceException(wanted + " can't be used: " + refusals.get(library).getMessage());
        }
        return drivers.get(library);
    }

    @Override
    public List<Devices.Info> list() {
        List<Devices.Info> list = new ArrayList<>();
        try {
            for (int i = 0; i < driver(ALL).count(); i++) {
                GpuFacts facts = driver(ALL).facts(i);
                if (facts.capability() >= LEAST_CAPABILITY) {
                    list.add(new Devices.Info("cuda:" + i, facts.description(), facts.multiprocessors(), facts.memoryBytes(),
                            List.of("sm_" + facts.capability())));
                }
            }
        } catch (DeviceException e) {
            // problems() says it.
        }
        return list;
    }

    @Override
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        try {
            int count = driver(ALL).count();
            if (count == 0) {
                problems.add("cuda devices can't be used: the driver sees no GPU; see nvidia-smi, and whether CUDA_VISIBLE_DEVICES "
                        + "hides it");
            }
            for (int i = 0; i < count; i++) {
                GpuFacts facts = driver(ALL).facts(i);
                if (facts.capability() < LEAST_CAPABILITY) {
                    problems.add("cuda:" + i + " can't be used: " + facts.description() + " has compute capability "
                            + facts.capability() / 10 + "." + facts.capability() % 10 + ", Catena's code needs 7.5 (Turing) or later");
                }
            }
        } catch (DeviceException e) {
            problems.add(e.getMessage());
        }
        return problems;
    }

    @Override
    public boolean runs(Manifest manifest) {
        return manifest.targets().stream().anyMatch(Manifest.Target::runsPrograms) && !list().isEmpty();
    }

    @Override
    public GpuDriver gpus(String device) {
        return driver(device);
    }

    @Override
    public DeviceModel load(ArtifactReader reader, String device) {
        return new GpuModel(reader, driver(device));
    }
}
