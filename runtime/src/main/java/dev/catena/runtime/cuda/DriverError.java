package dev.catena.runtime.cuda;

import java.util.Map;
import java.util.Set;

/** The driver's results (cuda.h, CUresult) in words: what happened, and what to do where something can be done. */
final class DriverError {
    static final int OUT_OF_MEMORY = 2;
    static final int NO_DEVICE = 100;
    /** What enabling access to a peer may give without harm: it can't be had between these two, it is there, the hardware has no more of it. */
    static final Set<Integer> HARMLESS_OF_PEERS = Set.of(217, 704, 711);

    private static final Map<Integer, String> WORDS = Map.ofEntries(
            Map.entry(OUT_OF_MEMORY, "its memory is full (CUDA_ERROR_OUT_OF_MEMORY); end what else uses it, or give --device-memory"),
            Map.entry(3, "the driver could not start (CUDA_ERROR_NOT_INITIALIZED)"),
            Map.entry(34, "the library that was found is the toolkit's stub, not the driver (CUDA_ERROR_STUB_LIBRARY); take its "
                    + "folder out of LD_LIBRARY_PATH"),
            Map.entry(35, "the driver is too old (CUDA_ERROR_INSUFFICIENT_DRIVER); install NVIDIA's driver 525 or later"),
            Map.entry(46, "another process has it to itself, or it is unusable now (CUDA_ERROR_DEVICE_UNAVAILABLE); see nvidia-smi"),
            Map.entry(NO_DEVICE, "the driver sees no GPU (CUDA_ERROR_NO_DEVICE); see nvidia-smi, and whether CUDA_VISIBLE_DEVICES "
                    + "hides it"),
            Map.entry(101, "there is no such GPU (CUDA_ERROR_INVALID_DEVICE)"),
            Map.entry(200, "the driver refuses the code (CUDA_ERROR_INVALID_IMAGE); compile the model again"),
            Map.entry(201, "its context is gone (CUDA_ERROR_INVALID_CONTEXT)"),
            Map.entry(209, "the artifact has no code for it (CUDA_ERROR_NO_BINARY_FOR_GPU); compile the model for its target"),
            Map.entry(214, "its memory has an error that can't be corrected (CUDA_ERROR_ECC_UNCORRECTABLE); reset the GPU"),
            Map.entry(218, "the driver refuses the PTX (CUDA_ERROR_INVALID_PTX); compile the model again"),
            Map.entry(222, "the driver is older than the PTX (CUDA_ERROR_UNSUPPORTED_PTX_VERSION); install a newer one, or compile "
                    + "the model for its target"),
            Map.entry(304, "the operating system refuses the driver something (CUDA_ERROR_OPERATING_SYSTEM); see whether /dev/nvidia* are there "
                    + "and may be opened, or in a container ask for the GPU (docker run --gpus all)"),
            Map.entry(500, "the code lacks a kernel (CUDA_ERROR_NOT_FOUND); compile the model again"),
            Map.entry(700, "a kernel used memory that isn't its own (CUDA_ERROR_ILLEGAL_ADDRESS); the same run on sim:0 says where"),
            Map.entry(701, "a kernel needs more than it has (CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES); compile the model for its target"),
            Map.entry(702, "a kernel ran too long (CUDA_ERROR_LAUNCH_TIMEOUT); a GPU that drives a display stops such"),
            Map.entry(710, "a kernel's assertion failed (CUDA_ERROR_ASSERT)"),
            Map.entry(715, "a kernel has an instruction that it doesn't know (CUDA_ERROR_ILLEGAL_INSTRUCTION)"),
            Map.entry(716, "a kernel used a misaligned address (CUDA_ERROR_MISALIGNED_ADDRESS); the same run on sim:0 says where"),
            Map.entry(719, "a kernel failed (CUDA_ERROR_LAUNCH_FAILED); dmesg may say why"),
            Map.entry(802, "the system is not ready (CUDA_ERROR_SYSTEM_NOT_READY); start NVIDIA's fabric manager"),
            Map.entry(803, "the driver's library and kernel module are of different versions (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH); "
                    + "restart the machine after an update of the driver"),
            Map.entry(804, "the driver's library doesn't support this GPU (CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE); take CUDA's compat "
                    + "folder out of LD_LIBRARY_PATH"),
            Map.entry(999, "the driver gives no reason (CUDA_ERROR_UNKNOWN); dmesg may"));

    private DriverError() {}

    static String words(int result) {
        return WORDS.getOrDefault(result, "the driver gives error " + result + " (NVIDIA's driver API documentation has it under CUresult)");
    }
}
