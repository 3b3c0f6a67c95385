import io.etcdkit.ByteSequence;

/** Bytes as the protocol writes them. */
final class Hex {
    private Hex() {}

    static ByteSequence bytes(String text) {
        byte[] bytes = new byte[text.length() / 2];
        for (int index = 0; index < bytes.length; index++) {
            bytes[index] = (byte) Integer.parseInt(text.substring(2 * index, 2 * index + 2), 16);
        }
        return ByteSequence.from(bytes);
    }

    static String text(ByteSequence sequence) {
        StringBuilder text = new StringBuilder(2 * sequence.size());
        for (byte value : sequence.getBytes()) {
            text.append(Character.forDigit(value >> 4 & 0xf, 16));
            text.append(Character.forDigit(value & 0xf, 16));
        }
        return text.toString();
    }
}
