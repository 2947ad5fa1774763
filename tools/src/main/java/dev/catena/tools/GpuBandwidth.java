package dev.catena.tools;

import dev.catena.runtime.Devices;

/** What a GPU reads from its memory in a second, measured. */
final class GpuBandwidth {
  /** More than any cache. */
  private static final long BYTES = 1L << 30;
  /** The simulator takes a second for so much. */
  private static final long BYTES_OF_SIM = 1 << 16;

  private GpuBandwidth() {}

  static boolean isGpu(String device) {
    return !device.startsWith("cpu");
  }

  /** Bytes a second. @throws dev.catena.runtime.DeviceException when it can't be used */
  static double measure(String gpu) {
    return Devices.measure(gpu, gpu.startsWith("sim") ? BYTES_OF_SIM : BYTES).readBytesPerSecond();
  }
}
