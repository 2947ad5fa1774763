package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class OtherProcessesTest {
  /** Fields as proc_stat(5) has them: user nice system idle iowait irq softirq steal guest guest_nice. */
  @Test
  void coresAreWhatIsNeitherIdleNorWaitingForDisks() {
    OtherProcesses.CpuTimes before = OtherProcesses.CpuTimes.parse("""
        cpu  1000 10 200 8000 50 5 5 30 400 0
        cpu0 500 5 100 4000 25 3 2 15 200 0
        cpu1 500 5 100 4000 25 2 3 15 200 0
        intr 12345 0 9
        """);
    OtherProcesses.CpuTimes after = OtherProcesses.CpuTimes.parse("""
        cpu  1020 11 205 8060 60 6 6 32 410 0
        cpu0 510 6 103 4030 30 4 2 16 205 0
        cpu1 510 5 102 4030 30 2 4 16 205 0
        intr 12399 0 9
        """);
    // 20 user, 1 nice, 5 system, 1 irq, 1 softirq and 2 stolen of 100 ticks on two cores; the guest's 10 are user's already.
    assertEquals(0.6, after.busyCoresSince(before), 1e-9);
  }

  @Test
  void thisMachineSays() throws InterruptedException {
    assertTrue(OtherProcesses.coresNow() >= 0);
  }
}
