package io.etcdkit;

/** Values with a meaning of their own. */
public class Constants {
    /**
     * One byte 0. As the end of a range it means: all keys from the first one on. As a key it is
     * the first possible one.
     */
    public static final ByteSequence NULL_KEY = ByteSequence.from(new byte[] {0});

    private Constants() {}
}
