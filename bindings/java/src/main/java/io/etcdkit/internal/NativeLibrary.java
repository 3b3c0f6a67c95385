package io.etcdkit.internal;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;

/**
 * Finds and loads the native library.
 *
 * <p>A directory named by the system property {@code etcdkit.native.dir} or the environment
 * variable {@code ETCDKIT_NATIVE_DIR} comes first. Otherwise the library inside the jar is copied
 * into a new temporary directory that only this user can read, so that nobody else can put another
 * one in its place, and the copy is removed as soon as the system lets go of it.
 */
final class NativeLibrary {
    private static final String DIRECTORY_PROPERTY = "etcdkit.native.dir";
    private static final String DIRECTORY_VARIABLE = "ETCDKIT_NATIVE_DIR";

    private NativeLibrary() {}

    static void load() {
        String directory =
                System.getProperty(DIRECTORY_PROPERTY, System.getenv(DIRECTORY_VARIABLE));
        String file = System.mapLibraryName("etcdkit_java");
        if (directory != null && !directory.isEmpty()) {
            System.load(Path.of(directory, file).toAbsolutePath().toString());
            return;
        }
        String resource = "/META-INF/native/" + platform() + "/" + file;
        try (InputStream library = NativeLibrary.class.getResourceAsStream(resource)) {
            if (library == null) {
                throw new UnsatisfiedLinkError(missing(resource));
            }
            loadCopy(library, file);
        } catch (IOException error) {
            throw copyFailed(error);
        }
    }

    private static void loadCopy(InputStream library, String file) throws IOException {
        // Java makes the directory for this user alone.
        Path directory = Files.createTempDirectory("etcdkit-");
        Path copy = directory.resolve(file);
        try {
            Files.copy(library, copy, StandardCopyOption.REPLACE_EXISTING);
            System.load(copy.toString());
        } finally {
            remove(copy);
            remove(directory);
        }
    }

    /** Windows keeps a loaded library until the process ends. */
    private static void remove(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException error) {
            path.toFile().deleteOnExit();
        }
    }

    private static String missing(String resource) {
        return "etcdkit has no native library for this platform: "
                + resource
                + " is not in the jar. Build it with `cargo build --release -p etcdkit-java` and name its"
                + " directory with -D"
                + DIRECTORY_PROPERTY
                + "=DIRECTORY or "
                + DIRECTORY_VARIABLE
                + ".";
    }

    private static UnsatisfiedLinkError copyFailed(IOException cause) {
        UnsatisfiedLinkError error =
                new UnsatisfiedLinkError(
                        "etcdkit could not copy its native library into "
                                + System.getProperty("java.io.tmpdir")
                                + " ("
                                + cause
                                + "); name another directory with -Djava.io.tmpdir=DIRECTORY");
        error.initCause(cause);
        return error;
    }

    /** Names the platform as the folders of the jar do, such as {@code linux-x86_64}. */
    static String platform() {
        return os(System.getProperty("os.name")) + "-" + arch(System.getProperty("os.arch"));
    }

    private static String os(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        if (lower.startsWith("linux")) {
            return hasMusl() ? "linux-musl" : "linux";
        }
        if (lower.startsWith("mac")) {
            return "macos";
        }
        return lower.startsWith("windows") ? "windows" : lower.replace(' ', '_');
    }

    /** Libraries for glibc do not load where musl is the C library, and the other way round. */
    private static boolean hasMusl() {
        return Files.exists(
                        Path.of("/lib/ld-musl-" + arch(System.getProperty("os.arch")) + ".so.1"))
                && !Files.exists(Path.of("/lib64/ld-linux-x86-64.so.2"))
                && !Files.exists(Path.of("/lib/ld-linux-aarch64.so.1"));
    }

    private static String arch(String name) {
        switch (name.toLowerCase(Locale.ROOT)) {
            case "amd64":
            case "x86_64":
                return "x86_64";
            case "arm64":
            case "aarch64":
                return "aarch64";
            default:
                return name.toLowerCase(Locale.ROOT);
        }
    }
}
