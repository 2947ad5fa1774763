package dev.catena.tests.model;

/** A model of one product, whose matrix lies in another file: for what may be said about the place of that file. */
public final class ExternalTensor {
  private ExternalTensor() {}

  /** {@code y = x · w} with w of 4 rows; {@code offset} and {@code length} are left out where they are null. */
  public static byte[] model(String location, String offset, String length, long columns) {
    ProtoMessage w = new ProtoMessage().number(1, 4).number(1, columns).number(2, 1).text(8, "w");
    entry(w, "location", location);
    entry(w, "offset", offset);
    entry(w, "length", length);
    w.number(14, 1);
    ProtoMessage node = new ProtoMessage().text(1, "x").text(1, "w").text(2, "y").text(3, "product").text(4, "MatMul");
    ProtoMessage graph = new ProtoMessage().message(1, node).text(2, "g").message(5, w)
        .message(11, matrix("x", new ProtoMessage().text(2, "n"), new ProtoMessage().number(1, 4)))
        .message(12, matrix("y", new ProtoMessage().text(2, "n"), new ProtoMessage().text(2, "m")));
    return new ProtoMessage().number(1, 8).message(7, graph).message(8, new ProtoMessage().text(1, "").number(2, 17))
        .toBytes();
  }

  private static void entry(ProtoMessage tensor, String key, String value) {
    if (value != null) {
      tensor.message(13, new ProtoMessage().text(1, key).text(2, value));
    }
  }

  private static ProtoMessage matrix(String name, ProtoMessage rows, ProtoMessage columns) {
    ProtoMessage type = new ProtoMessage().number(1, 1).message(2, new ProtoMessage().message(1, rows).message(1, columns));
    return new ProtoMessage().text(1, name).message(2, new ProtoMessage().message(1, type));
  }
}
