package dev.catena.passes;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.ir.Module;
import dev.catena.ir.Verifier;
import dev.catena.ir.text.CirReader;
import dev.catena.ir.text.WeightFiles;
import org.junit.jupiter.api.Test;

/** 32 layers of ONNX operations, as an exporter writes them; how long printing, parsing and verifying take is printed. */
class LargeModuleTest {
  private static final int LAYERS = 32;
  /** What one decoder has when it is imported, about. */
  private static final int OPERATIONS = 120;

  private static String text() {
    StringBuilder s = new StringBuilder("module @large {\n");
    for (int l = 0; l < LAYERS; l++) {
      for (int w = 0; w < 9; w++) {
        s.append("  weight @w").append(l).append('_').append(w)
            .append(" : tensor<f16, [4096, 4096]> = file(\"w.bin\", ").append(w).append(", tensor<f16, [4096, 4096]>)\n");
      }
    }
    String rows = "tensor<f16, [1, ?seq, 4096]>";
    for (int l = 0; l < LAYERS; l++) {
      s.append("  stage @decoder_").append(l).append("(%x: ").append(rows).append(") -> (y: ").append(rows).append(") {\n");
      for (int i = 0; i < OPERATIONS; i++) {
        String before = i == 0 ? "%x" : "%v" + (i - 1);
        s.append("    %v").append(i).append(" = ").append(switch (i % 4) {
          case 0 -> "onnx.MatMul " + before + ", @w" + l + "_" + i % 9 + " : " + rows;
          case 1 -> "onnx.Transpose " + before + " {perm = [0, 2, 1]} : tensor<f16, [1, 4096, ?seq]>";
          case 2 -> "onnx.Transpose " + before + " {perm = [0, 2, 1]} : " + rows;
          default -> "onnx.Add %x, " + before + " : " + rows;
        }).append('\n');
      }
      s.append("    return %v").append(OPERATIONS - 1).append("\n  }\n");
    }
    return s.append("}\n").toString();
  }

  @Test
  void isPrintedParsedAndVerified() {
    String written = text();
    for (int round = 0; round < 3; round++) {
      long start = System.nanoTime();
      Module module = CirReader.parse(written, "large.cir", WeightFiles.NONE);
      long parsed = System.nanoTime();
      Verifier.verify(module);
      long verified = System.nanoTime();
      String printed = module.toString();
      long done = System.nanoTime();
      System.out.printf("%d operations, %d KiB of text: parse %d ms, verify %d ms, print %d ms%n", LAYERS * OPERATIONS,
          printed.length() >> 10, (parsed - start) / 1_000_000, (verified - parsed) / 1_000_000,
          (done - verified) / 1_000_000);
      assertEquals(LAYERS * OPERATIONS, module.stages().stream().mapToInt(s -> s.operations().size()).sum());
      assertEquals(written, printed.replaceAll(" sha256 [0-9a-f]{64}", ""));
    }
  }
}
