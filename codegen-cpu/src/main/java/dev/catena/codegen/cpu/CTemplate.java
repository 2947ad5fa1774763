package dev.catena.codegen.cpu;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** C kept as a resource beside this class, with {@code ${name}} where a kernel's own names and numbers go. */
final class CTemplate {
    private static final Pattern PLACEHOLDER = Pattern.compile("\\$\\{(\\w+)}");
    private static final Pattern DEFINITION = Pattern.compile("(?m)^#define (\\w+)");

    private CTemplate() {}

    /** The text of a resource without placeholders. */
    static String text(String resource) {
        try (InputStream in = CTemplate.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalStateException("no C template " + resource);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * The resources one after the other, with every placeholder filled, and the macros they define undefined at the end.
     *
     * @throws IllegalStateException if a placeholder has no value or a value has no placeholder
     */
    static String fill(Map<String, ?> values, String... resources) {
        StringBuilder filled = new StringBuilder();
        Set<String> used = new HashSet<>();
        for (String resource : resources) {
            Matcher matcher = PLACEHOLDER.matcher(text(resource));
            while (matcher.find()) {
                String key = matcher.group(1);
                if (!values.containsKey(key)) {
                    throw new IllegalStateException(resource + " asks for " + key);
                }
                used.add(key);
                matcher.appendReplacement(filled, Matcher.quoteReplacement(values.get(key).toString()));
            }
            matcher.appendTail(filled).append('\n');
        }
        for (String key : values.keySet()) {
            if (!used.contains(key)) {
                throw new IllegalStateException("no template of " + String.join(", ", resources) + " uses " + key);
            }
        }
        Set<String> macros = new LinkedHashSet<>();
        Matcher definitions = DEFINITION.matcher(filled);
        while (definitions.find()) {
            macros.add(definitions.group(1));
        }
        macros.forEach(macro -> filled.append("#undef ").append(macro).append('\n'));
        return filled.toString();
    }
}
