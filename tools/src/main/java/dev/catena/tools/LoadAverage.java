package dev.catena.tools;

import java.lang.management.ManagementFactory;

/** How busy this machine was. */
final class LoadAverage {
  /** What a machine has that does nothing but be measured now and then. */
  static final double IDLE = 0.5;

  private LoadAverage() {}

  /** Processes that ran or waited to, on average over the last minute; negative if the system doesn't say. */
  static double lastMinute() {
    return ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
  }
}
