import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcdkit.AbstractResponse;
import io.etcdkit.ByteSequence;
import io.etcdkit.KeyValue;
import io.etcdkit.Response;
import io.etcdkit.common.exception.EtcdException;
import io.etcdkit.kv.DeleteResponse;
import io.etcdkit.kv.GetResponse;
import io.etcdkit.kv.PutResponse;
import io.etcdkit.kv.TxnResponse;
import io.etcdkit.watch.WatchEvent;
import io.etcdkit.watch.WatchResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;

/** Responses as the protocol writes them. */
final class Answers {
    private Answers() {}

    static String revision(Response response) {
        return "rev=" + response.getHeader().getRevision();
    }

    static String pair(KeyValue pair) {
        return Hex.text(pair.getKey())
                + ":"
                + Hex.text(pair.getValue())
                + ":"
                + pair.getCreateRevision()
                + ":"
                + pair.getModRevision()
                + ":"
                + pair.getVersion()
                + ":"
                + pair.getLease();
    }

    static String[] put(PutResponse response) {
        return response.hasPrevKv()
                ? new String[] {revision(response), "kv=" + pair(response.getPrevKv())}
                : new String[] {revision(response)};
    }

    static String[] get(GetResponse response) {
        List<String> parts = new ArrayList<>();
        parts.add(revision(response));
        parts.add("count=" + response.getCount());
        parts.add("more=" + flag(response.isMore()));
        response.getKvs().forEach(pair -> parts.add("kv=" + pair(pair)));
        return parts.toArray(String[]::new);
    }

    static String[] delete(DeleteResponse response) {
        List<String> parts = new ArrayList<>();
        parts.add(revision(response));
        parts.add("deleted=" + response.getDeleted());
        response.getPrevKvs().forEach(pair -> parts.add("kv=" + pair(pair)));
        return parts.toArray(String[]::new);
    }

    static String[] txn(TxnResponse response) {
        List<String> parts = new ArrayList<>();
        parts.add(revision(response));
        parts.add("succeeded=" + flag(response.isSucceeded()));
        response.getResponses().forEach(each -> addOperation(parts, each));
        return parts.toArray(String[]::new);
    }

    private static void addOperation(List<String> parts, AbstractResponse response) {
        if (response instanceof PutResponse) {
            PutResponse put = (PutResponse) response;
            parts.add("r=put");
            if (put.hasPrevKv()) {
                parts.add("kv=" + pair(put.getPrevKv()));
            }
        } else if (response instanceof GetResponse) {
            GetResponse get = (GetResponse) response;
            parts.add("r=get:" + get.getCount() + ":" + flag(get.isMore()));
            get.getKvs().forEach(pair -> parts.add("kv=" + pair(pair)));
        } else if (response instanceof DeleteResponse) {
            DeleteResponse delete = (DeleteResponse) response;
            parts.add("r=del:" + delete.getDeleted());
            delete.getPrevKvs().forEach(pair -> parts.add("kv=" + pair(pair)));
        } else {
            TxnResponse txn = (TxnResponse) response;
            parts.add("r=txn:" + flag(txn.isSucceeded()));
            txn.getResponses().forEach(each -> addOperation(parts, each));
            parts.add("r=end");
        }
    }

    static List<String> events(long watch, int batch, WatchResponse response) {
        List<String> lines = new ArrayList<>();
        for (WatchEvent event : response.getEvents()) {
            String line =
                    watch
                            + " event "
                            + revision(response)
                            + " batch="
                            + batch
                            + " type="
                            + event.getEventType()
                            + " kv="
                            + pair(event.getKeyValue());
            boolean previous = event.getPrevKV() != KeyValue.NONE;
            lines.add(previous ? line + " prev=" + pair(event.getPrevKV()) : line);
        }
        return lines;
    }

    static String failure(Line line, Throwable error) {
        String code = "Driver";
        String message = error.getClass().getSimpleName() + ": " + error.getMessage();
        if (error instanceof CancellationException) {
            code = "Cancelled";
        }
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            if (cause instanceof EtcdException) {
                code = ((EtcdException) cause).getErrorCode().name();
                message = cause.getMessage();
                break;
            }
        }
        return line.id
                + " err code="
                + code
                + " msg="
                + Hex.text(ByteSequence.from(message, UTF_8));
    }

    static int flag(boolean value) {
        return value ? 1 : 0;
    }
}
