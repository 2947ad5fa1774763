package dev.catena.tools.page;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.StdSerializer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Map;

/**
 * One HTML file with its style, program and data inside. The data is JSON that the program reads as text, so that nothing
 * in it can become markup; and a content security policy (https://www.w3.org/TR/CSP3/) allows this program and this style
 * by their hashes and nothing else: no other script, no request, no frame.
 */
final class HtmlDocument {
  private HtmlDocument() {}

  static String of(String title, Map<String, Object> data) {
    String style = resource("page.css");
    String program = resource("page.js");
    String policy = "default-src 'none'; script-src " + hash(program) + "; style-src " + hash(style)
        + "; base-uri 'none'; form-action 'none'";
    return resource("page.html")
        .replace("{policy}", policy)
        .replace("{title}", escaped(VisibleText.of(title)))
        .replace("{style}", style)
        .replace("{program}", program)
        .replace("{data}", json(data));
  }

  /** Braces, too: the places of what comes after the title are named in braces. */
  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("{", "&#123;");
  }

  /** JSON without the character that could end a script element; characters that can't be seen are shown by number. */
  private static String json(Map<String, Object> data) {
    SimpleModule visible = new SimpleModule();
    visible.addSerializer(String.class, new StdSerializer<String>(String.class) {
      @Override
      public void serialize(String text, JsonGenerator out, SerializerProvider provider) throws IOException {
        out.writeString(VisibleText.of(text));
      }
    });
    try {
      return new ObjectMapper().registerModule(visible).writeValueAsString(data).replace("<", "\\u003c");
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a page must be printable", e);
    }
  }

  private static String hash(String text) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return "'sha256-" + Base64.getEncoder().encodeToString(digest) + "'";
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String resource(String name) {
    try (InputStream in = HtmlDocument.class.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
