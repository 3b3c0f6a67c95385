import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.Watch;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.DeleteOption;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.PutOption;
import io.etcd.jetcd.watch.WatchEvent;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;

public class Program {
    public static void main(String[] arguments) throws Exception {
        try (Client client = Client.builder().endpoints("http://" + arguments[0]).build()) {
            KV kv = client.getKVClient();
            kv.put(bytes("greeting"), bytes("hello")).get();
            KeyValue greeting = kv.get(bytes("greeting")).get().getKvs().get(0);
            System.out.println("get " + greeting.getKey() + " = " + greeting.getValue());

            for (String name : new String[] {"a", "b", "c"}) {
                kv.put(bytes("app/" + name), bytes(name.toUpperCase())).get();
            }
            StringBuilder found = new StringBuilder("prefix");
            for (KeyValue pair : kv.get(bytes("app/"), GetOption.builder().isPrefix(true).build()).get().getKvs()) {
                found.append(' ').append(pair.getKey()).append('=').append(pair.getValue());
            }
            System.out.println(found);

            boolean succeeded = kv.txn()
                .If(new Cmp(bytes("greeting"), Cmp.Op.EQUAL, CmpTarget.value(bytes("hello"))))
                .Then(Op.put(bytes("greeting"), bytes("bye"), PutOption.DEFAULT))
                .Else(Op.delete(bytes("greeting"), DeleteOption.DEFAULT))
                .commit().get().isSucceeded();
            System.out.println("transaction " + (succeeded ? "succeeded" : "failed"));
            DeleteOption prefix = DeleteOption.builder().isPrefix(true).build();
            System.out.println("deleted " + kv.delete(bytes("app/"), prefix).get().getDeleted());

            long lease = client.getLeaseClient().grant(60).get().getID();
            kv.put(bytes("session"), bytes("here"), PutOption.builder().withLeaseId(lease).build()).get();
            System.out.println("session " + kv.get(bytes("session")).get().getKvs().get(0).getValue());
            client.getLeaseClient().revoke(lease).get();
            System.out.println("session " + (kv.get(bytes("session")).get().getCount() == 0 ? "gone" : "left"));

            CountDownLatch deleted = new CountDownLatch(1);
            Watch.Watcher watcher = client.getWatchClient().watch(bytes("watched"), response -> {
                for (WatchEvent event : response.getEvents()) {
                    KeyValue pair = event.getKeyValue();
                    if (event.getEventType() == WatchEvent.EventType.PUT) {
                        System.out.println("event put " + pair.getKey() + "=" + pair.getValue());
                    } else {
                        System.out.println("event delete " + pair.getKey());
                        deleted.countDown();
                    }
                }
            });
            kv.put(bytes("watched"), bytes("1")).get();
            kv.delete(bytes("watched")).get();
            deleted.await();
            watcher.close();

            long held = client.getLeaseClient().grant(10).get().getID();
            ByteSequence key = client.getLockClient().lock(bytes("job"), held).get().getKey();
            System.out.println("locked");
            client.getLockClient().unlock(key).get();
        }
    }

    private static ByteSequence bytes(String text) {
        return ByteSequence.from(text, StandardCharsets.UTF_8);
    }
}
