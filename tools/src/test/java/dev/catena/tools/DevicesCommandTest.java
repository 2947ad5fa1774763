package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.codegen.cpu.CpuTarget;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class DevicesCommandTest {
  @Test
  void runtimeAndCompilerAgreeOnThisMachinesTarget() throws Exception {
    CommandRun run = CommandRun.of("devices", "--json");
    assertEquals(0, run.status(), run.err());
    JsonNode device = new ObjectMapper().readTree(run.out()).get("devices").get(0);
    assertEquals("cpu:0", device.get("name").textValue());
    assertTrue(device.get("cores").intValue() >= 1);
    List<String> targets = new ArrayList<>();
    device.get("targets").forEach(t -> targets.add(t.textValue()));
    // cpuid says what runs here, /proc/cpuinfo what is compiled for: both must come to the same.
    assertEquals(CpuTarget.host().name(), targets.get(targets.size() - 1));
  }
}
