package dev.catena.tools;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.catena.artifact.KernelProgram;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.cuda.LinearCase;
import dev.catena.codegen.cuda.LinearConfiguration;
import dev.catena.sim.timing.Card;
import dev.catena.sim.timing.KernelWork;
import dev.catena.sim.timing.LaunchWork;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Kernels of linear layers, each made in several ways, to be measured on a machine that has a GPU and no compiler: a zip with
 * {@code pack.json} and the modules that it names. {@code catena tune} makes and reads it.
 *
 * @param target the architecture of the machine code
 * @param code   modules by name, cubins and PTX
 */
record TunePack(String target, List<Case> cases, Map<String, byte[]> code) {
  static final int FORMAT = 2;
  private static final String CONTENT = "pack.json";
  private static final long MOST_FILE_BYTES = 256L << 20;
  private static final long MOST_ENTRY_BYTES = 64L << 20;
  private static final int MOST_ENTRIES = 4096;
  private static final JsonMapper JSON = JsonMapper.builder().propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
      .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
      .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES).build();

  TunePack {
    cases = List.copyOf(cases);
  }

  /** What {@code pack.json} holds. */
  private record Content(int format, String target, List<Case> cases) {}

  /**
   * A linear layer with what its kernel does besides ({@link dev.catena.codegen.cuda.LinearCase}).
   *
   * @param kernel      the name for a table
   * @param normEpsilon of the RMS norm before it, or null
   * @param residualAt  where in the arena the residual lies, −1 without one
   * @param standard    the configuration that is taken untuned
   * @param cubin       of {@code code}
   * @param ptx         of {@code code}, for the simulator; or null
   * @param candidates  the likeliest to be fast first
   */
  record Case(String kernel, int rows, Matrix matrix, Float normEpsilon, boolean bias, long residualAt, boolean swiglu, long arenaBytes,
      long scratchBytes, String standard, String cubin, String ptx, List<Candidate> candidates) {
    Case {
      require(kernel.matches("[A-Za-z_][A-Za-z0-9_]{0,255}"), "'" + kernel + "' is no name of a kernel");
      require(rows >= 1 && rows <= 1 << 12, kernel + ": " + rows + " rows");
      require(arenaBytes >= 0 && arenaBytes <= 1L << 32 && scratchBytes >= 0 && scratchBytes <= 1L << 32, kernel + ": too much memory");
      require(residualAt >= -1 && (residualAt < 0 || residualAt + 4L * rows * matrix.outputs <= arenaBytes), kernel + ": a residual out of bounds");
      require(!swiglu || matrix.outputs % 2 == 0, kernel + ": " + matrix.outputs + " outputs in two halves");
      LinearConfiguration.parse(standard);
      candidates = List.copyOf(candidates);
      require(!candidates.isEmpty() && candidates.size() <= 256, kernel + ": " + candidates.size() + " candidates");
      boolean normed = normEpsilon != null;
      for (Candidate candidate : candidates) {
        for (KernelProgram.Launch launch : candidate.launches) {
          launch.args().forEach(argument -> require(isThere(argument, normed, bias, arenaBytes, scratchBytes),
              kernel + ": a kernel is given '" + argument + "', which isn't there"));
        }
      }
    }

    private static boolean isThere(String argument, boolean normed, boolean biased, long arenaBytes, long scratchBytes) {
      long offset = Long.parseLong("0" + argument.replaceAll("\\D", ""));
      return switch (argument.replaceAll("[+:].*", "")) {
        case "step", "input", "output", "counters" -> offset == 0;
        case "weight" -> offset == LinearCase.MATRIX || offset == LinearCase.NORM && normed || offset == LinearCase.BIAS && biased;
        case "arena" -> offset < arenaBytes;
        case "scratch" -> offset < scratchBytes;
        default -> false;
      };
    }

    /** Outputs of the whole case. */
    int width() {
      return swiglu ? matrix.outputs / 2 : matrix.outputs;
    }
  }

  /** @param element such as {@code U4} */
  record Matrix(int outputs, int inputs, MatrixType.Element element, int group, boolean symmetric, MatrixType.Element scale) {
    private static final long MOST_ELEMENTS = 1L << 31;

    Matrix {
      require(outputs >= 1 && inputs >= 1 && (long) outputs * inputs <= MOST_ELEMENTS, "a matrix of " + outputs + " x " + inputs);
    }

    static Matrix of(MatrixType type) {
      return new Matrix(type.rows(), type.columns(), type.element(), type.group(), type.symmetric(), type.scale());
    }

    MatrixType type() {
      return new MatrixType(outputs, inputs, element, group, symmetric, scale);
    }

    /** The type of so many of its rows, or of all where there are no more. */
    MatrixType firstOutputs(int most) {
      return new MatrixType(Math.min(outputs, most), inputs, element, group, symmetric, scale);
    }
  }

  /**
   * @param configuration as a table writes it
   * @param work          of the launches, counted by the simulator, for predictions; none where it refused
   */
  record Candidate(String configuration, List<KernelProgram.Launch> launches, List<KernelWork> work) {
    Candidate {
      LinearConfiguration.parse(configuration);
      launches = List.copyOf(launches);
      work = List.copyOf(work);
      require(!launches.isEmpty() && launches.size() <= 8, configuration + ": " + launches.size() + " launches");
      require(work.isEmpty() || work.size() == launches.size(), configuration + ": work of " + work.size() + " of " + launches.size() + " launches");
    }

    /** What it would take on a card, predicted; NaN where nothing was counted. */
    double predictedSeconds(Card card) {
      return work.isEmpty() ? Double.NaN : LaunchWork.seconds(work, card);
    }
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalArgumentException(otherwise);
    }
  }

  /** The file's bytes; the same for the same pack. */
  byte[] bytes() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      zip.setLevel(9);
      put(zip, CONTENT, JSON.writeValueAsBytes(new Content(FORMAT, target, cases)));
      for (Map.Entry<String, byte[]> module : new TreeMap<>(code).entrySet()) {
        put(zip, module.getKey(), module.getValue());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static void put(ZipOutputStream zip, String name, byte[] content) throws IOException {
    ZipEntry entry = new ZipEntry(name);
    entry.setLastModifiedTime(FileTime.fromMillis(0));
    zip.putNextEntry(entry);
    zip.write(content);
    zip.closeEntry();
  }

  /** @throws UserError in one line, for what is no pack */
  static TunePack read(Path file) {
    try {
      if (Files.size(file) > MOST_FILE_BYTES) {
        throw new UserError(file + ": is too large for a tune pack");
      }
      try (ZipFile zip = new ZipFile(file.toFile())) {
        require(zip.size() <= MOST_ENTRIES, "it has " + zip.size() + " entries");
        Content content = JSON.readValue(read(zip, CONTENT), Content.class);
        require(content.format == FORMAT, "it has format " + content.format + ", this version of Catena reads " + FORMAT);
        require(content.target.matches("sm_[0-9]{2,3}a?"), "its target is '" + content.target + "'");
        Map<String, byte[]> code = new HashMap<>();
        for (Case each : content.cases) {
          for (String name : each.ptx == null ? List.of(each.cubin) : List.of(each.cubin, each.ptx)) {
            code.put(name, code.containsKey(name) ? code.get(name) : read(zip, name));
          }
        }
        return new TunePack(content.target, content.cases, code);
      }
    } catch (JsonMappingException e) {
      throw new UserError(file + ": is no tune pack: " + CONTENT + ": " + e.getOriginalMessage());
    } catch (java.util.zip.ZipException | NullPointerException | IllegalArgumentException | com.fasterxml.jackson.core.JsonProcessingException e) {
      throw new UserError(file + ": is no tune pack: " + e.getMessage());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] read(ZipFile zip, String name) throws IOException {
    ZipEntry entry = zip.getEntry(name);
    require(entry != null, "it lacks " + name);
    try (InputStream in = zip.getInputStream(entry)) {
      byte[] bytes = in.readNBytes((int) MOST_ENTRY_BYTES + 1);
      require(bytes.length <= MOST_ENTRY_BYTES, name + " is too large");
      return bytes;
    }
  }
}
