package dev.catena.frontend.onnx;

import java.util.List;
import java.util.Map;

/**
 * A TensorProto as it is written: where its data lies, not the data.
 *
 * @param raw      the place of little-endian elements in the file, or null
 * @param words    elements of a typed field that isn't laid out like raw data, as 64-bit words (bits of reals), or null
 * @param wordBits how words, or a packed run of them, came: 32 or 64 for fixed fields (reals), 0 for integers and raw data
 * @param texts    elements of a tensor of strings, or null
 * @param external the entries of external_data where the data lies in another file, else null
 */
record OnnxTensor(String name, int elementType, long[] dims, WireReader.Range raw, long[] words, int wordBits,
    List<String> texts, Map<String, String> external) {}
