package dev.catena.artifact;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads records from JSON: a key for each component, in snake case, none unknown, missing, doubled or of another type.
 * Components are {@code int}, {@code long}, {@code boolean}, {@link Integer}, {@link String}, records, lists, and maps from
 * strings; where a record doesn't say otherwise what isn't primitive may be null. An artifact is opened before Java is warm:
 * a data binder that could do this needs a tenth of a second to get going.
 */
final class JsonRecord {
    private static final JsonFactory JSON = JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    private final JsonParser parser;
    private final Map<Class<?>, Shape> shapes = new HashMap<>();

    /** A record's components by the keys that they have in JSON, and what takes their values. */
    private record Shape(Constructor<?> constructor, Type[] types, Map<String, Integer> places) {}

    private JsonRecord(JsonParser parser) {
        this.parser = parser;
    }

    /**
     * Reads the one value that {@code json} holds.
     *
     * @throws IllegalArgumentException with a one-line reason and the place of the fault
     */
    static <T extends Record> T read(byte[] json, Class<T> type) {
        try (JsonParser parser = JSON.createParser(json)) {
            JsonRecord reader = new JsonRecord(parser);
            parser.nextToken();
            T value = type.cast(reader.value(type));
            if (parser.nextToken() != null) {
                throw reader.fault("something follows its end");
            }
            if (value == null) {
                throw reader.fault("it is null");
            }
            return value;
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }

    /** The whole number at {@code key} of the object that {@code json} holds, without a look at what stands behind it; else null. */
    static Integer number(byte[] json, String key) {
        try (JsonParser parser = JSON.createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return null;
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                boolean found = parser.currentName().equals(key);
                if (parser.nextToken() == JsonToken.VALUE_NUMBER_INT && found) {
                    return parser.getIntValue();
                }
                parser.skipChildren();
            }
            return null;
        } catch (IOException e) {
            return null;
        }
    }

    /** The value that the parser stands on; it goes on to the value's end. */
    private Object value(Type type) throws IOException {
        JsonToken token = parser.currentToken();
        if (token == null) {
            throw fault("it ends too early");
        }
        if (type instanceof ParameterizedType generic) {
            Type[] arguments = generic.getActualTypeArguments();
            return token == JsonToken.VALUE_NULL ? null : generic.getRawType() == List.class ? list(arguments[0]) : map(arguments[1]);
        }
        Class<?> plain = (Class<?>) type;
        if (token == JsonToken.VALUE_NULL && !plain.isPrimitive()) {
            return null;
        } else if (plain.isRecord()) {
            return record(plain);
        } else if (plain == boolean.class) {
            require(token == JsonToken.VALUE_TRUE || token == JsonToken.VALUE_FALSE, "true or false");
            return token == JsonToken.VALUE_TRUE;
        } else if (plain == String.class) {
            require(token == JsonToken.VALUE_STRING, "a text");
            return parser.getText();
        }
        require(token == JsonToken.VALUE_NUMBER_INT, "a whole number");
        try {
            if (plain == long.class) {
                return parser.getLongValue();
            }
            return parser.getIntValue();
        } catch (JsonProcessingException e) {
            throw fault("a number is too large");
        }
    }

    private List<Object> list(Type element) throws IOException {
        require(parser.currentToken() == JsonToken.START_ARRAY, "a list");
        List<Object> values = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            values.add(value(element));
        }
        return values;
    }

    private Map<String, Object> map(Type value) throws IOException {
        require(parser.currentToken() == JsonToken.START_OBJECT, "an object");
        Map<String, Object> values = new LinkedHashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String key = parser.currentName();
            parser.nextToken();
            values.put(key, value(value));
        }
        return values;
    }

    private Object record(Class<?> type) throws IOException {
        require(parser.currentToken() == JsonToken.START_OBJECT, "an object");
        Shape shape = shapes.computeIfAbsent(type, JsonRecord::shape);
        Object[] values = new Object[shape.types.length];
        boolean[] found = new boolean[values.length];
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            Integer place = shape.places.get(parser.currentName());
            if (place == null) {
                throw fault("there is no such key");
            }
            parser.nextToken();
            values[place] = value(shape.types[place]);
            found[place] = true;
        }
        shape.places.forEach((key, place) -> {
            if (!found[place]) {
                throw fault("'" + key + "' is missing");
            }
        });
        try {
            return shape.constructor.newInstance(values);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof IllegalArgumentException reason) {
                throw fault(reason.getMessage());
            } else if (e.getCause() instanceof NullPointerException) {
                throw fault("a value is null");
            }
            throw new IllegalStateException(e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Shape shape(Class<?> type) {
        RecordComponent[] components = type.getRecordComponents();
        Class<?>[] raw = new Class<?>[components.length];
        Type[] types = new Type[components.length];
        Map<String, Integer> places = new LinkedHashMap<>();
        for (int i = 0; i < components.length; i++) {
            raw[i] = components[i].getType();
            types[i] = components[i].getGenericType();
            places.put(snakeCase(components[i].getName()), i);
        }
        try {
            return new Shape(type.getDeclaredConstructor(raw), types, places);
        } catch (NoSuchMethodException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String snakeCase(String name) {
        StringBuilder words = new StringBuilder();
        for (char c : name.toCharArray()) {
            if (Character.isUpperCase(c)) {
                words.append('_');
            }
            words.append(Character.toLowerCase(c));
        }
        return words.toString();
    }

    private void require(boolean holds, String expected) {
        if (!holds) {
            throw fault("expected " + expected);
        }
    }

    /** What is wrong, and where the parser stands. */
    private IllegalArgumentException fault(String reason) {
        String place = parser.getParsingContext().pathAsPointer().toString();
        return new IllegalArgumentException(place.isEmpty() ? reason : reason + " at " + place.substring(1).replace('/', '.'));
    }
}
