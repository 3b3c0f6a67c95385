package io.etcdkit.internal;

import com.google.protobuf.ByteString;
import io.etcdkit.ByteSequence;
import io.etcdkit.Constants;
import io.etcdkit.internal.etcdserverpb.Compare;
import io.etcdkit.internal.etcdserverpb.DeleteRangeRequest;
import io.etcdkit.internal.etcdserverpb.PutRequest;
import io.etcdkit.internal.etcdserverpb.RangeRequest;
import io.etcdkit.internal.etcdserverpb.RequestOp;
import io.etcdkit.internal.etcdserverpb.TxnRequest;
import io.etcdkit.op.Cmp;
import io.etcdkit.op.CmpTarget;
import io.etcdkit.op.Op;
import io.etcdkit.options.DeleteOption;
import io.etcdkit.options.GetOption;
import io.etcdkit.options.OptionsUtil;
import io.etcdkit.options.PutOption;
import java.util.List;
import java.util.Optional;

/** Requests of the key space as messages. */
final class Requests {
    private Requests() {}

    static PutRequest put(ByteSequence key, ByteSequence value, PutOption option) {
        return PutRequest.newBuilder()
                .setKey(Bytes.of(key))
                .setValue(Bytes.of(value))
                .setLease(option.getLeaseId())
                .setPrevKv(option.getPrevKV())
                .setIgnoreValue(option.isIgnoreValue())
                .setIgnoreLease(option.isIgnoreLease())
                .build();
    }

    static RangeRequest get(ByteSequence key, GetOption option) {
        return RangeRequest.newBuilder()
                .setKey(first(key, option.isPrefix()))
                .setRangeEnd(end(key, option.getEndKey(), option.isPrefix()))
                .setLimit(option.getLimit())
                .setRevision(option.getRevision())
                .setSortOrderValue(option.getSortOrder().ordinal())
                .setSortTargetValue(option.getSortField().ordinal())
                .setSerializable(option.isSerializable())
                .setKeysOnly(option.isKeysOnly())
                .setCountOnly(option.isCountOnly())
                .setMinCreateRevision(option.getMinCreateRevision())
                .setMaxCreateRevision(option.getMaxCreateRevision())
                .setMinModRevision(option.getMinModRevision())
                .setMaxModRevision(option.getMaxModRevision())
                .build();
    }

    static DeleteRangeRequest delete(ByteSequence key, DeleteOption option) {
        return DeleteRangeRequest.newBuilder()
                .setKey(first(key, option.isPrefix()))
                .setRangeEnd(end(key, option.getEndKey(), option.isPrefix()))
                .setPrevKv(option.isPrevKV())
                .build();
    }

    /** All keys begin with the empty prefix; the first of them is not empty. */
    static ByteString first(ByteSequence key, boolean prefix) {
        return Bytes.of(prefix && key.isEmpty() ? Constants.NULL_KEY : key);
    }

    static ByteString end(ByteSequence key, Optional<ByteSequence> end, boolean prefix) {
        if (end.isPresent()) {
            return Bytes.of(end.get());
        }
        return prefix ? Bytes.of(OptionsUtil.prefixEndOf(key)) : ByteString.EMPTY;
    }

    static TxnRequest txn(List<Cmp> cmps, List<Op> thenOps, List<Op> elseOps) {
        TxnRequest.Builder request = TxnRequest.newBuilder();
        cmps.forEach(cmp -> request.addCompare(compare(cmp)));
        thenOps.forEach(op -> request.addSuccess(operation(op)));
        elseOps.forEach(op -> request.addFailure(operation(op)));
        return request.build();
    }

    private static RequestOp operation(Op op) {
        RequestOp.Builder request = RequestOp.newBuilder();
        if (op instanceof Op.PutOp) {
            Op.PutOp put = (Op.PutOp) op;
            return request.setRequestPut(put(put.getKey(), put.getValue(), put.getOption()))
                    .build();
        }
        if (op instanceof Op.GetOp) {
            Op.GetOp get = (Op.GetOp) op;
            return request.setRequestRange(get(get.getKey(), get.getOption())).build();
        }
        if (op instanceof Op.DeleteOp) {
            Op.DeleteOp delete = (Op.DeleteOp) op;
            return request.setRequestDeleteRange(delete(delete.getKey(), delete.getOption()))
                    .build();
        }
        if (op instanceof Op.TxnOp) {
            Op.TxnOp txn = (Op.TxnOp) op;
            return request.setRequestTxn(txn(txn.getCmps(), txn.getThenOps(), txn.getElseOps()))
                    .build();
        }
        throw new IllegalArgumentException(
                "make operations with the methods of Op, not " + op.getClass());
    }

    private static Compare compare(Cmp cmp) {
        Compare.Builder compare =
                Compare.newBuilder().setKey(Bytes.of(cmp.getKey())).setResult(result(cmp.getOp()));
        cmp.getEndKey().ifPresent(end -> compare.setRangeEnd(Bytes.of(end)));
        CmpTarget<?> target = cmp.getTarget();
        Object value = target.getTargetValue();
        if (target instanceof CmpTarget.VersionCmpTarget) {
            compare.setTarget(Compare.CompareTarget.VERSION).setVersion((Long) value);
        } else if (target instanceof CmpTarget.CreateRevisionCmpTarget) {
            compare.setTarget(Compare.CompareTarget.CREATE).setCreateRevision((Long) value);
        } else if (target instanceof CmpTarget.ModRevisionCmpTarget) {
            compare.setTarget(Compare.CompareTarget.MOD).setModRevision((Long) value);
        } else if (target instanceof CmpTarget.ValueCmpTarget) {
            compare.setTarget(Compare.CompareTarget.VALUE).setValue(Bytes.of((ByteSequence) value));
        } else {
            compare.setTarget(Compare.CompareTarget.LEASE).setLease((Long) value);
        }
        return compare.build();
    }

    private static Compare.CompareResult result(Cmp.Op op) {
        switch (op) {
            case EQUAL:
                return Compare.CompareResult.EQUAL;
            case GREATER:
                return Compare.CompareResult.GREATER;
            case LESS:
                return Compare.CompareResult.LESS;
            default:
                return Compare.CompareResult.NOT_EQUAL;
        }
    }
}
