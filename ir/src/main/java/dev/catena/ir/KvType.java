package dev.catena.ir;

/**
 * One version of a layer's KV cache, linear: each value is used by exactly one {@code nn.kv_append} or is the last.
 *
 * @param key   storage of keys
 * @param value storage of values
 * @param heads KV heads
 * @param dim   size of a head
 * @param page  positions in a page
 */
public record KvType(ElementType key, ElementType value, long heads, long dim, long page) implements Type {
  @Override
  public String text() {
    return "kv<k " + key.keyword() + ", v " + value.keyword() + ", heads " + heads + ", dim " + dim + ", page " + page
        + ">";
  }

  @Override
  public String toString() {
    return text();
  }
}
