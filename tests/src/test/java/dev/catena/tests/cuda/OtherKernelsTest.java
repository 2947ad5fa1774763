package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.tests.command.CatenaCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code inspect --kernels --experimental}: the kernels that it puts beside an artifact's are those of a compilation the other way, which multiplies in
 * what the artifact was asked for, and do the same.
 */
class OtherKernelsTest {
  private static final String SHAPE = "layers = 1\nhidden = 128\nffn = 128\nheads = 2\nkv_heads = 1\nvocabulary = 128\npositions = 64\nrope_theta = 10000\n";

  /** Else only of an artifact that was asked for other activations than by default: each takes NVRTC two programs. */
  private static final boolean PRODUCT = Boolean.getBoolean("catena.tests.product");

  @TempDir static Path folder;

  @Test
  void areThoseOfTheOtherCompilation() throws IOException {
    Files.writeString(folder.resolve("m.shape"), SHAPE);
    JsonNode twoHalves = checkedOtherWay("--activations", "f32");
    if (PRODUCT) {
      assertNotEquals(checkedOtherWay(), twoHalves, "one half of x takes other work than two");
    }
  }

  /** @return what the cards do with the other kernels of an artifact without {@code --experimental} */
  private static JsonNode checkedOtherWay(Object... options) throws IOException {
    JsonNode plain = inspected("plain.catena", List.of(), options);
    JsonNode experimental = inspected("experimental.catena", List.of("--experimental"), options);
    JsonNode ofPlain = plain.at("/predictions/0");
    JsonNode ofExperimental = experimental.at("/predictions/0");
    assertEquals("false true", ofPlain.required("experimental") + " " + ofExperimental.required("experimental"));
    // Names, bytes, needs and times of each launch on each card.
    assertEquals(ofExperimental.required("cards"), ofPlain.at("/other_way/cards"));
    assertEquals(ofPlain.required("cards"), ofExperimental.at("/other_way/cards"));
    assertNotEquals(ofPlain.required("cards"), ofExperimental.required("cards"));
    Set<String> there = new TreeSet<>();
    experimental.required("kernels").forEach(kernel -> there.add(kernel.required("name").asText()));
    Set<String> beside = new TreeSet<>(ofPlain.at("/other_way/cards/0/steps").findValuesAsText("kernel"));
    assertEquals(there, beside, "a step of one row has them all");
    assertTrue(beside.stream().anyMatch(name -> name.contains("_bulk_")), beside.toString());
    // Weights and cache are the same bytes either way.
    assertEquals(bytes(ofPlain.required("cards")), bytes(ofPlain.at("/other_way/cards")), 0.01 * bytes(ofPlain.required("cards")));
    return ofPlain.at("/other_way/cards");
  }

  private static JsonNode inspected(String name, List<Object> way, Object... options) throws IOException {
    Path artifact = folder.resolve(name);
    List<Object> compile = new ArrayList<>(List.of("compile", folder.resolve("m.shape"), "-o", artifact, "--target", "sm_90", "--wbits", 4,
        "--step-rows", 1));
    compile.addAll(way);
    compile.addAll(List.of(options));
    CatenaCommand.run(compile.toArray()).succeeded();
    return new ObjectMapper().readTree(CatenaCommand.run("inspect", artifact, "--kernels", "--experimental", "--json",
        "--batch", 1, "--context", 8).succeeded().out());
  }

  private static double bytes(JsonNode cards) {
    return StreamSupport.stream(cards.at("/0/steps/0/launches").spliterator(), false)
        .mapToDouble(launch -> launch.required("times").asInt() * launch.required("memory_bytes").asDouble()).sum();
  }
}
