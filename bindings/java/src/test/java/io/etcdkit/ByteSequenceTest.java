package io.etcdkit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.etcdkit.options.OptionsUtil;
import org.junit.jupiter.api.Test;

class ByteSequenceTest {
    @Test
    void sequences_are_equal_when_their_bytes_are() {
        ByteSequence text = ByteSequence.from("ab", UTF_8);
        assertEquals(text, ByteSequence.from(new byte[] {'a', 'b'}));
        assertEquals(text.hashCode(), ByteSequence.from(new byte[] {'a', 'b'}).hashCode());
        assertNotEquals(text, ByteSequence.from("abc", UTF_8));
    }

    @Test
    void a_sequence_does_not_follow_the_array_it_was_made_of() {
        byte[] source = {1, 2};
        ByteSequence sequence = ByteSequence.from(source);
        source[0] = 9;
        sequence.getBytes()[1] = 9;
        assertEquals(ByteSequence.from(new byte[] {1, 2}), sequence);
    }

    @Test
    void parts_are_cut_and_joined() {
        ByteSequence text = ByteSequence.from("abcd", UTF_8);
        assertTrue(text.startsWith(ByteSequence.from("ab", UTF_8)));
        assertFalse(text.startsWith(null));
        assertEquals("cd", text.substring(2).toString(UTF_8));
        assertEquals("bc", text.substring(1, 3).toString(UTF_8));
        assertEquals("abcdab", text.concat(text.substring(0, 2)).toString(UTF_8));
        assertEquals(4, text.size());
        assertTrue(ByteSequence.EMPTY.isEmpty());
    }

    @Test
    void order_is_that_of_the_server() {
        ByteSequence high = ByteSequence.from(new byte[] {(byte) 0xff});
        assertTrue(high.compareTo(ByteSequence.from(new byte[] {1})) > 0);
    }

    @Test
    void the_end_of_a_prefix_is_the_first_key_behind_it() {
        assertEquals(bytes('b'), OptionsUtil.prefixEndOf(bytes('a')));
        assertEquals(bytes('b'), OptionsUtil.prefixEndOf(bytes('a', 0xff)));
        assertEquals(Constants.NULL_KEY, OptionsUtil.prefixEndOf(bytes(0xff, 0xff)));
        assertEquals(Constants.NULL_KEY, OptionsUtil.prefixEndOf(ByteSequence.EMPTY));
    }

    private static ByteSequence bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int index = 0; index < values.length; index++) {
            bytes[index] = (byte) values[index];
        }
        return ByteSequence.from(bytes);
    }
}
