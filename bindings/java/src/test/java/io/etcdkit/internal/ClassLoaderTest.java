package io.etcdkit.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.File;
import java.lang.reflect.Method;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/**
 * Application servers load a program again and again; each time it brings a native library of its
 * own.
 */
class ClassLoaderTest {
    /** Reloads; the full run of the release takes 50. */
    private static final int RELOADS = Integer.getInteger("etcdkit.test.reloads", 5);

    @Test
    void the_sdk_works_in_each_of_many_class_loaders() throws Exception {
        URL[] path =
                Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                        .map(ClassLoaderTest::url)
                        .toArray(URL[]::new);
        for (int reload = 0; reload < RELOADS; reload++) {
            URLClassLoader loader = new URLClassLoader(path, ClassLoader.getPlatformClassLoader());
            Class<?> core = loader.loadClass(Core.class.getName());
            Method version = core.getMethod("version");
            assertEquals(Core.version(), version.invoke(null));
            loader.close();
        }
    }

    private static URL url(String entry) {
        try {
            return Path.of(entry).toUri().toURL();
        } catch (MalformedURLException error) {
            throw new IllegalArgumentException(error);
        }
    }
}
