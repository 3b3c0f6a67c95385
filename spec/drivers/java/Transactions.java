import io.etcdkit.ByteSequence;
import io.etcdkit.op.Cmp;
import io.etcdkit.op.CmpTarget;
import io.etcdkit.op.Op;
import io.etcdkit.options.DeleteOption;
import io.etcdkit.options.GetOption;
import io.etcdkit.options.PutOption;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/** The tokens of a transaction as objects of the SDK. */
final class Transactions {
    final List<Cmp> cmps = new ArrayList<>();
    final List<Op> thenOps = new ArrayList<>();
    final List<Op> elseOps = new ArrayList<>();

    static Transactions of(Line line) {
        Iterator<String[]> tokens =
                line.fields.stream().filter(field -> !field[0].equals("client")).iterator();
        return new Transactions(tokens);
    }

    private Transactions(Iterator<String[]> tokens) {
        List<Op> branch = thenOps;
        while (tokens.hasNext()) {
            String[] token = tokens.next();
            switch (token[0]) {
                case "if":
                    cmps.add(compare(token[1].split(":", -1)));
                    break;
                case "then":
                    branch = thenOps;
                    break;
                case "else":
                    branch = elseOps;
                    break;
                case "begin":
                    branch.add(new Transactions(tokens).operation());
                    break;
                case "end":
                    return;
                default:
                    branch.add(operation(token[0], token[1].split(":", -1)));
            }
        }
    }

    private Op operation() {
        return Op.txn(
                cmps.toArray(Cmp[]::new), thenOps.toArray(Op[]::new), elseOps.toArray(Op[]::new));
    }

    private static Op operation(String name, String[] parts) {
        ByteSequence key = Hex.bytes(parts[0]);
        switch (name) {
            case "put":
                PutOption.Builder put = PutOption.builder().withLeaseId(Long.parseLong(parts[2]));
                if (parts[3].contains("p")) {
                    put.withPrevKV();
                }
                if (parts[3].contains("v")) {
                    put.withIgnoreValue();
                }
                if (parts[3].contains("l")) {
                    put.withIgnoreLease();
                }
                return Op.put(key, Hex.bytes(parts[1]), put.build());
            case "get":
                GetOption.Builder get =
                        GetOption.builder()
                                .withLimit(Long.parseLong(parts[2]))
                                .withRevision(Long.parseLong(parts[3]))
                                .withKeysOnly(parts[4].contains("k"))
                                .withCountOnly(parts[4].contains("c"));
                if (!parts[1].isEmpty()) {
                    get.withRange(Hex.bytes(parts[1]));
                }
                return Op.get(key, get.build());
            case "del":
                DeleteOption.Builder delete =
                        DeleteOption.builder().withPrevKV(parts[2].contains("p"));
                if (!parts[1].isEmpty()) {
                    delete.withRange(Hex.bytes(parts[1]));
                }
                return Op.delete(key, delete.build());
            default:
                throw new IllegalArgumentException("no operation is called " + name);
        }
    }

    private static Cmp compare(String[] parts) {
        ByteSequence end = parts[3].isEmpty() ? null : Hex.bytes(parts[3]);
        return new Cmp(Hex.bytes(parts[2]), end, comparison(parts[1]), target(parts[0], parts[4]));
    }

    private static Cmp.Op comparison(String name) {
        switch (name) {
            case "eq":
                return Cmp.Op.EQUAL;
            case "ne":
                return Cmp.Op.NOT_EQUAL;
            case "lt":
                return Cmp.Op.LESS;
            default:
                return Cmp.Op.GREATER;
        }
    }

    private static CmpTarget<?> target(String name, String operand) {
        switch (name) {
            case "value":
                return CmpTarget.value(Hex.bytes(operand));
            case "version":
                return CmpTarget.version(Long.parseLong(operand));
            case "create":
                return CmpTarget.createRevision(Long.parseLong(operand));
            case "mod":
                return CmpTarget.modRevision(Long.parseLong(operand));
            default:
                return CmpTarget.lease(Long.parseLong(operand));
        }
    }
}
