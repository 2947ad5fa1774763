package dev.catena.codegen.cuda;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;

/**
 * What was found to be fastest on one card: a configuration for each kernel by its name. A table is lines of
 * {@code NAME = CONFIGURATION}, of which all behind a second blank (times) is for the reader; {@code catena tune} writes it.
 *
 * @param name           of the table, {@code none} without one
 * @param configurations by the kernel's name
 */
public record TunedKernels(String name, Map<String, LinearConfiguration> configurations) {
    /**
     * Which table a card takes: lines of {@code sm_90.NVIDIA_H100_80GB_HBM3 = NAME}, for {@code NAME.tuned} beside it, with _ for blanks; and which
     * one an architecture's other cards take: {@code sm_90 = NAME}.
     */
    private static final String INDEX = "tuned/index.properties";

    public TunedKernels {
        configurations = Map.copyOf(configurations);
    }

    /** No table: kernels are configured as they were written. */
    public static TunedKernels none() {
        return new TunedKernels("none", Map.of());
    }

    /**
     * The table that was measured on a card, else the architecture's, if there is one.
     *
     * @param card as its driver names it, such as {@code NVIDIA H100 80GB HBM3}; empty where it isn't known
     */
    public static TunedKernels of(CudaTarget target, Optional<String> card) {
        Properties index = new Properties();
        try (InputStream in = TunedKernels.class.getResourceAsStream(INDEX)) {
            index.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        String name = tableOf(index, target, card).orElse(null);
        if (name == null) {
            return none();
        }
        try (InputStream in = TunedKernels.class.getResourceAsStream("tuned/" + name + ".tuned")) {
            return read(name, new InputStreamReader(in, StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static Optional<String> tableOf(Properties index, CudaTarget target, Optional<String> card) {
        return card.map(name -> index.getProperty(target.name() + "." + name.strip().replaceAll("\\s+", "_")))
                .or(() -> Optional.ofNullable(index.getProperty(target.name())));
    }

    /** @throws IllegalArgumentException in one line that names table and line */
    public static TunedKernels read(String name, Reader from) throws IOException {
        Map<String, LinearConfiguration> found = new LinkedHashMap<>();
        BufferedReader lines = new BufferedReader(from);
        int number = 0;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            number++;
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            String[] words = line.strip().split("\\s+");
            try {
                if (words.length < 3 || !words[1].equals("=") || found.put(words[0], LinearConfiguration.parse(words[2])) != null) {
                    throw new IllegalArgumentException("expected KERNEL = CONFIGURATION, each kernel once");
                }
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(name + ", line " + number + ": " + e.getMessage(), e);
            }
        }
        return new TunedKernels(name, found);
    }

    /** The same table less the kernels that an architecture has no instructions for. */
    public TunedKernels fitting(CudaTarget target) {
        Map<String, LinearConfiguration> left = new LinkedHashMap<>(configurations);
        left.values().removeIf(configuration -> !configuration.runsOn(target));
        return left.size() == configurations.size() ? this : new TunedKernels(name, left);
    }

    /** The same table with these, too, for kernels that it doesn't have. */
    TunedKernels with(Map<String, LinearConfiguration> others) {
        Map<String, LinearConfiguration> all = new LinkedHashMap<>(others);
        all.putAll(configurations);
        return all.size() == configurations.size() ? this : new TunedKernels(name, all);
    }

    /** For the kernel of this name, if it was tuned and one of that kind does the same. */
    Optional<LinearConfiguration> of(String kernel, LinearConfiguration.Kind kind) {
        return Optional.ofNullable(configurations.get(kernel)).filter(configuration -> configuration.kind().does(kind));
    }
}
