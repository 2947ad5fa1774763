package dev.catena.tools;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * How much of this machine other processes use. Measured for a moment: a load average remembers for a minute what ran before,
 * an earlier measurement among it.
 */
final class OtherProcesses {
  /** Cores that a machine uses which does nothing but be measured. */
  static final double IDLE = 0.1;
  private static final long MILLIS = 500;

  private OtherProcesses() {}

  /** Cores that they use while this thread sleeps for {@value #MILLIS} ms; negative if the system doesn't say. */
  static double coresNow() throws InterruptedException {
    try {
      CpuTimes before = CpuTimes.parse(stat());
      long ownBefore = ownNanos();
      long start = System.nanoTime();
      TimeUnit.MILLISECONDS.sleep(MILLIS);
      double own = (double) (ownNanos() - ownBefore) / (System.nanoTime() - start);
      return Math.max(0, CpuTimes.parse(stat()).busyCoresSince(before) - own);
    } catch (IOException | RuntimeException e) {
      return -1;   // no /proc/stat, or one of another form
    }
  }

  private static String stat() throws IOException {
    return Files.readString(Path.of("/proc/stat"));
  }

  private static long ownNanos() {
    return ProcessHandle.current().info().totalCpuDuration().orElseThrow().toNanos();
  }

  /**
   * What all cores together spent since the system started, in ticks (proc_stat(5)).
   *
   * @param busy on anything but idling and waiting for disks; time that a hypervisor took is among it
   */
  record CpuTimes(long busy, long all, int cores) {
    private static final int COUNTED = 8;   // user, nice, system, idle, iowait, irq, softirq, steal; guests' time is in user's
    private static final int IDLE_AT = 3;
    private static final int WAITING_AT = 4;

    static CpuTimes parse(String stat) {
      String[] lines = stat.split("\n");
      String[] words = lines[0].trim().split(" +");
      long all = 0;
      for (int i = 0; i < COUNTED; i++) {
        all += Long.parseLong(words[1 + i]);
      }
      long unused = Long.parseLong(words[1 + IDLE_AT]) + Long.parseLong(words[1 + WAITING_AT]);
      int cores = 0;
      while (1 + cores < lines.length && lines[1 + cores].startsWith("cpu")) {
        cores++;
      }
      return new CpuTimes(all - unused, all, cores);
    }

    double busyCoresSince(CpuTimes before) {
      return all == before.all ? 0 : (double) (busy - before.busy) / (all - before.all) * cores;
    }
  }
}
