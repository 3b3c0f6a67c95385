import io.etcdkit.ByteSequence;
import java.util.ArrayList;
import java.util.List;

/** A request: id, verb, fields in their order. Bytes are hex. */
final class Line {
    final long id;
    final String verb;
    final List<String[]> fields = new ArrayList<>();

    Line(String text) {
        String[] words = text.split(" ");
        id = Long.parseLong(words[0]);
        verb = words[1];
        for (int index = 2; index < words.length; index++) {
            int equals = words[index].indexOf('=');
            String name = equals < 0 ? words[index] : words[index].substring(0, equals);
            fields.add(new String[] {name, equals < 0 ? "" : words[index].substring(equals + 1)});
        }
    }

    boolean has(String name) {
        return fields.stream().anyMatch(field -> field[0].equals(name));
    }

    String text(String name) {
        for (String[] field : fields) {
            if (field[0].equals(name)) {
                return field[1];
            }
        }
        throw new IllegalArgumentException(verb + " needs " + name);
    }

    ByteSequence bytes(String name) {
        return Hex.bytes(text(name));
    }

    long number(String name) {
        return Long.parseLong(text(name));
    }

    long number(String name, long otherwise) {
        return has(name) ? number(name) : otherwise;
    }

    String ok(String... parts) {
        return parts.length == 0 ? id + " ok" : id + " ok " + String.join(" ", parts);
    }
}
