package io.etcdkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.etcdkit.kv.DeleteResponse;
import io.etcdkit.kv.GetResponse;
import io.etcdkit.kv.PutResponse;
import io.etcdkit.kv.TxnResponse;
import io.etcdkit.op.Cmp;
import io.etcdkit.op.CmpTarget;
import io.etcdkit.op.Op;
import io.etcdkit.options.DeleteOption;
import io.etcdkit.options.GetOption;
import io.etcdkit.options.PutOption;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class KVTest extends WithServer {
    @Test
    void a_key_is_read_as_it_was_written() throws Exception {
        long revision = put("kv/a", "1");
        KeyValue pair = get(kv.get(bytes("kv/a"))).getKvs().get(0);
        assertEquals("1", text(pair.getValue()));
        assertEquals(revision, pair.getModRevision());
        assertEquals(1, pair.getVersion());
        assertEquals(0, pair.getLease());
    }

    @Test
    void a_put_answers_the_previous_pair_when_asked() throws Exception {
        PutOption previous = PutOption.builder().withPrevKV().build();
        PutResponse first = get(kv.put(bytes("kv/prev"), bytes("1"), previous));
        PutResponse second = get(kv.put(bytes("kv/prev"), bytes("2"), previous));
        assertFalse(first.hasPrevKv());
        assertTrue(second.hasPrevKv());
        assertEquals("1", text(second.getPrevKv().getValue()));
    }

    @Test
    void options_choose_what_is_read() throws Exception {
        for (String key : new String[] {"kv/sort/a", "kv/sort/b", "kv/sort/c"}) {
            put(key, key);
        }
        GetOption option =
                GetOption.builder()
                        .isPrefix(true)
                        .withSortField(GetOption.SortTarget.KEY)
                        .withSortOrder(GetOption.SortOrder.DESCEND)
                        .withKeysOnly(true)
                        .withLimit(2)
                        .build();
        GetResponse response = get(kv.get(bytes("kv/sort/"), option));
        assertEquals("kv/sort/c kv/sort/b", keys(response));
        assertTrue(response.getKvs().get(0).getValue().isEmpty());
        assertTrue(response.isMore());
        assertEquals(3, response.getCount());
    }

    @Test
    void the_empty_prefix_is_that_of_all_keys() throws Exception {
        put("kv/any", "1");
        GetOption all = GetOption.builder().isPrefix(true).withCountOnly(true).build();
        assertTrue(get(kv.get(ByteSequence.EMPTY, all)).getCount() > 0);
    }

    @Test
    void a_delete_answers_what_it_deleted() throws Exception {
        put("kv/del/a", "1");
        put("kv/del/b", "2");
        DeleteOption option = DeleteOption.builder().isPrefix(true).withPrevKV(true).build();
        DeleteResponse response = get(kv.delete(bytes("kv/del/"), option));
        assertEquals(2, response.getDeleted());
        assertEquals("2", text(response.getPrevKvs().get(1).getValue()));
    }

    @Test
    void a_transaction_runs_one_of_its_branches() throws Exception {
        put("kv/txn", "1");
        Cmp isOne = new Cmp(bytes("kv/txn"), Cmp.Op.EQUAL, CmpTarget.value(bytes("1")));
        Op inner =
                Op.txn(
                        new Cmp[] {isOne},
                        new Op[] {Op.get(bytes("kv/txn"), GetOption.DEFAULT)},
                        new Op[] {});
        TxnResponse response =
                get(
                        kv.txn()
                                .If(isOne)
                                .Then(Op.put(bytes("kv/txn"), bytes("2"), PutOption.DEFAULT), inner)
                                .Else(Op.delete(bytes("kv/txn"), DeleteOption.DEFAULT))
                                .commit());
        assertTrue(response.isSucceeded());
        assertEquals(1, response.getPutResponses().size());
        assertEquals(0, response.getDeleteResponses().size());
        // Comparisons are made before anything is done.
        assertTrue(response.getTxnResponses().get(0).isSucceeded());
    }

    @Test
    void the_parts_of_a_transaction_have_an_order() {
        assertThrows(IllegalArgumentException.class, () -> kv.txn().Then().If());
        assertThrows(IllegalArgumentException.class, () -> kv.txn().Else().If());
        assertThrows(IllegalArgumentException.class, () -> kv.txn().Else().Then());
    }

    @Test
    void large_values_pass_whole() throws Exception {
        byte[] value = new byte[1_000_000];
        value[value.length - 1] = 7;
        get(kv.put(bytes("kv/large"), ByteSequence.from(value)));
        ByteSequence read = get(kv.get(bytes("kv/large"))).getKvs().get(0).getValue();
        assertEquals(ByteSequence.from(value), read);
    }

    @Test
    void a_namespace_is_put_before_keys_and_taken_off_again() throws Exception {
        ByteSequence namespace = bytes("kv/space/");
        try (Client inside =
                Client.builder().endpoints(server.endpoint()).namespace(namespace).build()) {
            get(inside.getKVClient().put(bytes("a"), bytes("1")));
            GetOption all = GetOption.builder().isPrefix(true).build();
            GetResponse response = get(inside.getKVClient().get(ByteSequence.EMPTY, all));
            assertEquals("a", keys(response));
        }
        assertEquals(1, get(kv.get(bytes("kv/space/a"))).getCount());
    }

    private static String keys(GetResponse response) {
        return response.getKvs().stream()
                .map(pair -> text(pair.getKey()))
                .collect(Collectors.joining(" "));
    }
}
