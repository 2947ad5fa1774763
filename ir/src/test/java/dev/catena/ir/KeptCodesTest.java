package dev.catena.ir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The codes behind a view, times their scales, are the view's numbers, exactly. */
class KeptCodesTest {
  private final Random random = new Random(3);

  private WeightData integers(ElementType type, long... shape) {
    Tensor t = new Tensor(type, shape);
    for (int i = 0; i < t.size(); i++) {
      t.setLong(i, random.nextInt(1 << type.bits()) - (type == ElementType.I8 ? 128 : type == ElementType.I4 ? 8 : 0));
    }
    return new LiteralWeight(t);
  }

  private WeightData scales(long... shape) {
    Tensor t = new Tensor(ElementType.F32, shape);
    for (int i = 0; i < t.size(); i++) {
      t.set(i, random.nextFloat() - 0.5f);
    }
    return new LiteralWeight(t);
  }

  private static void assertKept(String type, WeightData view) {
    KeptCodes kept = KeptCodes.of(view).orElseThrow();
    assertEquals(type, kept.type().text());
    assertArrayEquals(view.tensor().floats(), kept.tensor().floats());
  }

  @Test
  void everyDirectionOfScales() {
    WeightData codes = integers(ElementType.I8, 24, 5); // [inputs, outputs]
    assertKept("quant<u8, group 24, scale f32, [5, 24]>",
        new TransposedWeight(new DequantizedWeight(codes, scales(), null, 1, 0), 1, 0));
    assertKept("quant<u8, group 24, scale f32, zero u8, [5, 24]>",
        new TransposedWeight(new DequantizedWeight(codes, scales(5), integers(ElementType.I8, 5), 1, 0), 1, 0));
    assertKept("quant<u8, group 5, scale f32, [24, 5]>", new DequantizedWeight(codes, scales(24), null, 0, 0));
    WeightData nibbles = integers(ElementType.U4, 20, 3);
    assertKept("quant<u4, group 8, scale f32, zero u4, [3, 20]>", new TransposedWeight(
        new DequantizedWeight(nibbles, scales(3, 3), integers(ElementType.U4, 3, 3), 0, 8), 1, 0)); // the last block is short
    assertKept("quant<u4, group 16, scale f32, [4, 40]>",
        new DequantizedWeight(integers(ElementType.I4, 4, 40), scales(4, 3), null, 1, 16));
  }

  @Test
  void partsOfDifferentStorageBecomeOne() {
    WeightData bytes = new DequantizedWeight(integers(ElementType.I8, 3, 48), scales(), null, 0, 0);
    WeightData blocks = new DequantizedWeight(integers(ElementType.U4, 2, 48), scales(2, 2), integers(ElementType.U4, 2, 2), 1, 32);
    WeightData others = new DequantizedWeight(integers(ElementType.I4, 4, 48), scales(4, 3), null, 1, 16);
    WeightData all = new ConcatenatedWeight(List.of(bytes, new RowsWeight(blocks, 1, 2), new CastWeight(others, ElementType.F32)));
    assertKept("quant<u8, group 16, scale f32, zero u8, [8, 48]>", all);
    KeptCodes kept = KeptCodes.of(all).orElseThrow();
    float[] some = new float[4 * 20];
    kept.read(new long[] {2, 10}, new long[] {4, 20}, some, 0);
    float[] expected = new float[some.length];
    all.read(new long[] {2, 10}, new long[] {4, 20}, expected, 0);
    assertArrayEquals(expected, some);
  }

  @Test
  void aScaleForEachInputIsNoGroup() {
    WeightData perInput = new DequantizedWeight(integers(ElementType.I8, 3, 48), scales(48), null, 1, 0);
    assertTrue(KeptCodes.of(perInput).isEmpty() && KeptCodes.anyBehind(perInput));
    assertTrue(KeptCodes.of(new LiteralWeight(Tensor.f32(new float[4], 2, 2))).isEmpty());
  }
}
