package io.etcdkit.internal;

import io.etcdkit.AbstractResponse;
import io.etcdkit.KeyValue;
import io.etcdkit.Response.Header;
import io.etcdkit.internal.etcdserverpb.DeleteRangeResponse;
import io.etcdkit.internal.etcdserverpb.RangeResponse;
import io.etcdkit.internal.etcdserverpb.ResponseHeader;
import io.etcdkit.internal.etcdserverpb.ResponseOp;
import io.etcdkit.kv.CompactResponse;
import io.etcdkit.kv.DeleteResponse;
import io.etcdkit.kv.GetResponse;
import io.etcdkit.kv.PutResponse;
import io.etcdkit.kv.TxnResponse;
import java.util.ArrayList;
import java.util.List;

/** Messages of the key space as responses. */
final class Responses {
    private Responses() {}

    static Header header(ResponseHeader header) {
        return AbstractResponse.header(
                header.getClusterId(),
                header.getMemberId(),
                header.getRevision(),
                header.getRaftTerm());
    }

    static KeyValue keyValue(io.etcdkit.internal.mvccpb.KeyValue kv) {
        return new KeyValue(
                Bytes.of(kv.getKey()),
                Bytes.of(kv.getValue()),
                kv.getCreateRevision(),
                kv.getModRevision(),
                kv.getVersion(),
                kv.getLease());
    }

    static List<KeyValue> keyValues(List<io.etcdkit.internal.mvccpb.KeyValue> kvs) {
        List<KeyValue> pairs = new ArrayList<>(kvs.size());
        for (io.etcdkit.internal.mvccpb.KeyValue kv : kvs) {
            pairs.add(keyValue(kv));
        }
        return pairs;
    }

    static PutResponse put(io.etcdkit.internal.etcdserverpb.PutResponse response) {
        return new PutResponse(
                header(response.getHeader()),
                response.hasPrevKv() ? keyValue(response.getPrevKv()) : KeyValue.NONE);
    }

    static GetResponse get(RangeResponse response) {
        return new GetResponse(
                header(response.getHeader()),
                keyValues(response.getKvsList()),
                response.getMore(),
                response.getCount());
    }

    static DeleteResponse delete(DeleteRangeResponse response) {
        return new DeleteResponse(
                header(response.getHeader()),
                response.getDeleted(),
                keyValues(response.getPrevKvsList()));
    }

    static CompactResponse compact(io.etcdkit.internal.etcdserverpb.CompactionResponse response) {
        return new CompactResponse(header(response.getHeader()));
    }

    static TxnResponse txn(io.etcdkit.internal.etcdserverpb.TxnResponse response) {
        List<AbstractResponse> responses = new ArrayList<>(response.getResponsesCount());
        for (ResponseOp op : response.getResponsesList()) {
            responses.add(operation(op));
        }
        return new TxnResponse(header(response.getHeader()), response.getSucceeded(), responses);
    }

    private static AbstractResponse operation(ResponseOp op) {
        switch (op.getResponseCase()) {
            case RESPONSE_RANGE:
                return get(op.getResponseRange());
            case RESPONSE_PUT:
                return put(op.getResponsePut());
            case RESPONSE_DELETE_RANGE:
                return delete(op.getResponseDeleteRange());
            case RESPONSE_TXN:
                return txn(op.getResponseTxn());
            default:
                throw new IllegalArgumentException(
                        "the server answered an operation this version does not know");
        }
    }
}
