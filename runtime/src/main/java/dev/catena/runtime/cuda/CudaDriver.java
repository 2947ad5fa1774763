package dev.catena.runtime.cuda;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.DeviceException;
import dev.catena.runtime.UnsupportedPlatformException;
import dev.catena.runtime.cpu.SystemLibrary;
import dev.catena.runtime.gpu.Gpu;
import dev.catena.runtime.gpu.GpuDriver;
import dev.catena.runtime.gpu.GpuFacts;
import java.nio.ByteBuffer;

/** NVIDIA's driver: its GPUs, numbered as it does. */
final class CudaDriver implements GpuDriver {
    private static final int NAME_ROOM = 256;
    /** cuda.h: CUdevice_attribute. */
    private static final int MULTIPROCESSORS = 16, MAJOR = 75, MINOR = 76;

    private final DriverLibrary library;

    /**
     * @param name of the driver's library
     * @throws DeviceException that says in one line why GPUs can't be used, and what to do
     */
    CudaDriver(String name) {
        library = new DriverLibrary(name);
    }

    int count() {
        check(library.call(DriverFunction.DEVICE_COUNT, library.results()), "GPUs");
        return library.resultInt();
    }

    GpuFacts facts(int ordinal) {
        int device = device(ordinal);
        ByteBuffer text = ByteBuffer.allocateDirect(NAME_ROOM);
        String name = "cuda:" + ordinal;
        check(library.call(DriverFunction.DEVICE_NAME, SystemLibrary.address(text), NAME_ROOM - 1, device), name);
        check(library.call(DriverFunction.DEVICE_MEMORY, library.results(), device), name);
        long memory = library.resultLong(0);
        return new GpuFacts(SystemLibrary.javaString(text), 10 * attribute(device, MAJOR, name) + attribute(device, MINOR, name),
                attribute(device, MULTIPROCESSORS, name), memory);
    }

    private int device(int ordinal) {
        int count = count();
        if (ordinal >= count) {
            throw new DeviceException("there is no cuda:" + ordinal + "; the driver has " + (count == 0 ? "no GPU"
                    : count == 1 ? "cuda:0 alone" : "cuda:0 to cuda:" + (count - 1)));
        }
        check(library.call(DriverFunction.DEVICE, library.results(), ordinal), "cuda:" + ordinal);
        return library.resultInt();
    }

    private int attribute(int device, int which, String name) {
        check(library.call(DriverFunction.DEVICE_ATTRIBUTE, library.results(), which, device), name);
        return library.resultInt();
    }

    private static void check(int result, String what) {
        if (result != 0) {
            throw new DeviceException(what + ": " + DriverError.words(result));
        }
    }

    @Override
    public Code choose(ArtifactReader reader, int ordinal) {
        return choose(reader, facts(ordinal), "cuda:" + ordinal);
    }

    /**
     * A cubin runs on its own architecture and on higher minor versions of it; PTX on its own and on everything newer; both of
     * {@code sm_90a} on 9.0 alone, where they are preferred (CUDA C++ Programming Guide, binary and PTX compatibility).
     */
    static Code choose(ArtifactReader reader, GpuFacts gpu, String name) {
        Manifest.Target nearest = null;
        Manifest.Target byPtx = null;
        for (Manifest.Target target : reader.manifest().targets()) {
            int capability = capability(target);
            if (capability == 0) {
                continue;
            }
            boolean fits = isForOneChip(target) ? capability == gpu.capability()
                    : capability / 10 == gpu.capability() / 10 && capability <= gpu.capability();
            if (fits && (nearest == null || capability > capability(nearest) || isForOneChip(target))) {
                nearest = target;
            }
            if (target.ptx() != null && !isForOneChip(target) && ptxCapability(target) <= gpu.capability()
                    && (byPtx == null || ptxCapability(target) > ptxCapability(byPtx))) {
                byPtx = target;
            }
        }
        if (nearest != null) {
            return new Code(nearest, nearest.library(), null);
        }
        String own = "sm_" + gpu.capability();
        String remedy = CudaArchitectures.target(gpu.capability()).map(target -> "; compile it with --target " + target).orElse("");
        if (byPtx == null) {
            throw new UnsupportedPlatformException(reader.path() + ": has code for " + String.join(", ", reader.manifest().targetNames())
                    + " and none for " + name + " (" + gpu.description() + ", " + own + ")"
                    + (CudaArchitectures.isTooOld(gpu.capability()) ? ": " + CudaArchitectures.tooOld(gpu) : remedy));
        }
        return new Code(byPtx, byPtx.ptx(), reader.path() + ": has no machine code for " + name + " (" + own + "); the driver "
                + "compiles its PTX, which takes a while the first time and may be slower" + remedy);
    }

    /** 86 for {@code sm_86}, 90 for {@code sm_90a}, 0 for what isn't a GPU's. */
    private static int capability(Manifest.Target target) {
        return target.runsPrograms() && target.name().matches("sm_[0-9]{2,3}a?")
                ? Integer.parseInt(target.name().substring(3).replace("a", "")) : 0;
    }

    /** Such as {@code sm_90a}: neither code nor PTX of it runs on any other GPU. */
    private static boolean isForOneChip(Manifest.Target target) {
        return target.name().endsWith("a");
    }

    /** 80 for {@code code/compute_80/model.ptx}. */
    private static int ptxCapability(Manifest.Target target) {
        String digits = target.ptx().replaceAll(".*compute_([0-9]{2,3})/.*", "$1");
        return digits.matches("[0-9]{2,3}") ? Integer.parseInt(digits) : capability(target);
    }

    @Override
    public Gpu open(int ordinal, String target, int hostThreads) {
        return new CudaGpu(library, "cuda:" + ordinal, device(ordinal), facts(ordinal));
    }
}
