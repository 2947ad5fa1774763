package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class BenchResultTest {
  private final BenchResult result = new BenchResult("cpu:x86-64-v3", 2, 512, 64, 5, 1000, 30, 600_000_000L, 30e9, 0.1,
      Optional.of(new BatchSpeed(4, 100, 29, 3.5)));

  @Test
  void shareIsWhatDecodeReadsOfWhatMemoryGives() {
    assertEquals(0.6, result.shareOfBandwidth(), 1e-12);
  }

  @Test
  void jsonHasTheContractsKeys() throws Exception {
    JsonNode json = new ObjectMapper().readTree(Json.text(result.json()));
    assertEquals(1000, json.get("prefill_tokens_per_s").doubleValue());
    assertEquals(30, json.get("decode_tokens_per_s").doubleValue());
    assertEquals(600_000_000L, json.get("bytes_per_token").longValue());
    assertEquals(30e9, json.get("read_bandwidth_bytes_per_s").doubleValue());
    assertEquals(0.6, json.get("share_of_bandwidth").doubleValue(), 1e-12);
    assertEquals(4, json.get("batch").intValue());
    assertEquals(100, json.get("batch_decode_tokens_per_s").doubleValue());
    assertEquals(3.5, json.get("batch_ratio_to_one").doubleValue());
  }

  @Test
  void textSaysTheSame() {
    String text = result.text();
    assertTrue(text.contains("1000.0 tokens/s (512 tokens)"), text);
    assertTrue(text.contains("30.0 tokens/s (64 tokens after 512)"), text);
    assertTrue(text.contains("60.0 %"), text);
    assertTrue(text.contains("100.0 tokens/s by 4 sequences together, 3.50 times the 29.0 of one"), text);
  }
}
