package io.etcdkit.support;

/** Something that is closed when it is not needed any more, without a checked exception. */
public interface CloseableClient extends AutoCloseable {
    /** Closes it. Closing again does nothing. */
    @Override
    default void close() {}
}
