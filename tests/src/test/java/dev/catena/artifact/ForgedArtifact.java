package dev.catena.artifact;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;

/** An artifact around any manifest: checksums, directory and headers are made to fit. In the reader's package, for its layout. */
public final class ForgedArtifact {
  private record Content(String name, byte[] bytes) {}

  private static final List<Content> ENTRIES = List.of(
      new Content("ir/00-import.cir", "module @m {}\n".getBytes(StandardCharsets.US_ASCII)),
      new Content("code/cpu:x86-64-v3/model.so", new byte[700]), new Content("weights/embed/table", new byte[5000]),
      new Content("weights/head/empty", new byte[0]),
      new Content("tokenizer.json", "{}".getBytes(StandardCharsets.US_ASCII)));

  private ForgedArtifact() {}

  public static byte[] withManifest(byte[] manifest) {
    return around(ENTRIES, manifest);
  }

  /** An artifact of a graph of tensors around any description of it; it has one weight of 160 bytes. */
  public static byte[] withGraph(byte[] graph) {
    List<Content> contents = List.of(new Content("code/cpu:x86-64-v3/model.so", new byte[700]), new Content("weights/graph/0", new byte[160]),
        new Content(GraphDescription.ENTRY, graph));
    Map<String, Manifest.Entry> entries = new LinkedHashMap<>();
    contents.forEach(c -> entries.put(c.name(), new Manifest.Entry(c.bytes().length, HexFormat.of().formatHex(Sha256.start().digest(c.bytes())))));
    Manifest.Target target = Manifest.Target.ofCpu("cpu:x86-64-v3", List.of("avx2"), "code/cpu:x86-64-v3/model.so");
    return around(contents, ManifestJson.write(new Manifest(Manifest.FORMAT, "0.1.0", null, Map.of(), List.of(target), List.of(),
        new Manifest.Memory(1, 160, 0, 0, 160), Map.of(), entries)));
  }

  private static byte[] around(List<Content> before, byte[] manifest) {
    List<Content> contents = new ArrayList<>(before);
    contents.add(new Content("manifest.json", manifest));
    List<ZipLayout.Entry> entries = new ArrayList<>();
    List<ByteBuffer> parts = new ArrayList<>();
    long end = 0;
    for (Content c : contents) {
      CRC32 crc = new CRC32();
      crc.update(c.bytes());
      ZipLayout.Entry entry = new ZipLayout.Entry(c.name(), end, c.bytes().length, (int) crc.getValue());
      entries.add(entry);
      parts.add(ZipLayout.localHeader(entry));
      parts.add(ByteBuffer.wrap(c.bytes()));
      end = entry.end();
    }
    parts.add(ZipLayout.tail(entries, end, ZipLayout.comment(HexFormat.of().formatHex(Sha256.start().digest(manifest)))));
    ByteBuffer all = ByteBuffer.allocate(parts.stream().mapToInt(ByteBuffer::remaining).sum());
    parts.forEach(all::put);
    return all.array();
  }
}
