package io.etcdkit.options;

import io.etcdkit.ByteSequence;
import io.etcdkit.Constants;
import java.util.Arrays;

/** What options have in common. */
public final class OptionsUtil {
    private OptionsUtil() {}

    /**
     * Finds the end of the range of all keys with a prefix: the first key behind them.
     *
     * @param prefix the prefix
     * @return the end; {@link Constants#NULL_KEY}, which means no end, if no key can follow
     */
    public static ByteSequence prefixEndOf(ByteSequence prefix) {
        byte[] end = prefix.getBytes();
        for (int index = end.length - 1; index >= 0; index--) {
            if (end[index] != (byte) 0xff) {
                end[index]++;
                return ByteSequence.from(Arrays.copyOf(end, index + 1));
            }
        }
        return Constants.NULL_KEY;
    }
}
