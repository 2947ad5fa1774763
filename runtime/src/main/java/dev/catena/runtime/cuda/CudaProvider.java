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

    /** What there is and can be used, in a list, and why each other one can't be, in another: one that fails hides none of the others. */
    private void look(List<Devices.Info> usable, List<String> problems) {
        CudaDriver driver;
        int count;
        try {
            driver = driver(ALL);
            count = driver.count();
        } catch (DeviceException e) {
            problems.add(e.getMessage());
            return;
        }
        if (count == 0) {
            problems.add(ALL + " can't be used: " + DriverError.words(DriverError.NO_DEVICE));
        }
        for (int i = 0; i < count; i++) {
            try {
                GpuFacts facts = driver.facts(i);
                if (CudaArchitectures.isTooOld(facts.capability())) {
                    problems.add("cuda:" + i + " can't be used: " + CudaArchitectures.tooOld(facts));
                } else {
                    usable.add(new Devices.Info("cuda:" + i, facts.description(), facts.multiprocessors(), facts.memoryBytes(),
                            List.of("sm_" + facts.capability())));
                }
            } catch (DeviceException e) {
                problems.add("cuda:" + i + " can't be used: " + e.getMessage().replaceFirst("^cuda:[0-9]+: ", ""));
            }
        }
    }

    @Override
    public List<Devices.Info> list() {
        List<Devices.Info> usable = new ArrayList<>();
        look(usable, new ArrayList<>());
        return usable;
    }

    @Override
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        look(new ArrayList<>(), problems);
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
