package dev.catena.runtime.text;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Where the files beside a model's ONNX are: in the model's folder, else in its parent (pieces often have a folder of their own). */
public final class ModelFiles {
    private ModelFiles() {
    }

    /**
     * @param modelFolder folder of the ONNX files
     * @param name        a file's name, such as {@code tokenizer.json}
     * @return the file in the folder, else in its parent, if it is a regular file there
     */
    public static Optional<Path> find(Path modelFolder, String name) {
        Path folder = modelFolder.toAbsolutePath().normalize();
        List<Path> candidates = folder.getParent() == null
                ? List.of(modelFolder.resolve(name))
                : List.of(modelFolder.resolve(name), folder.getParent().resolve(name));
        return candidates.stream().filter(Files::isRegularFile).findFirst();
    }
}
