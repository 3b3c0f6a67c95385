using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Etcdserverpb;
using Mvccpb;

namespace EtcdKit.SpecDriver;

/// <summary>Transactions as tokens, both ways.</summary>
internal static class Transactions
{
    internal static TxnRequest Read(IEnumerator<(string Name, string Value)> tokens)
    {
        var txn = new TxnRequest();
        var branch = txn.Success;
        while (tokens.MoveNext())
        {
            var (name, value) = tokens.Current;
            switch (name)
            {
                case "then":
                    branch = txn.Success;
                    break;
                case "else":
                    branch = txn.Failure;
                    break;
                case "if":
                    txn.Compare.Add(Comparison(value.Split(':')));
                    break;
                case "begin":
                    branch.Add(new RequestOp { RequestTxn = Read(tokens) });
                    break;
                case "end":
                    return txn;
                default:
                    branch.Add(Operation(name, value.Split(':')));
                    break;
            }
        }

        return txn;
    }

    internal static IEnumerable<string> Tell(TxnResponse txn) => txn.Responses.SelectMany(Tell);

    private static IEnumerable<string> Tell(ResponseOp response) => response.ResponseCase switch
    {
        ResponseOp.ResponseOneofCase.ResponsePut => ["r=put", .. Pairs([response.ResponsePut.PrevKv])],
        ResponseOp.ResponseOneofCase.ResponseRange => Tell(response.ResponseRange),
        ResponseOp.ResponseOneofCase.ResponseDeleteRange =>
            [$"r=del:{response.ResponseDeleteRange.Deleted}", .. Pairs(response.ResponseDeleteRange.PrevKvs)],
        _ => [$"r=txn:{(response.ResponseTxn.Succeeded ? 1 : 0)}", .. Tell(response.ResponseTxn), "r=end"],
    };

    private static IEnumerable<string> Tell(RangeResponse range) =>
        [$"r=get:{range.Count}:{(range.More ? 1 : 0)}", .. Pairs(range.Kvs)];

    private static IEnumerable<string> Pairs(IEnumerable<KeyValue?> pairs) =>
        pairs.Where(kv => kv is not null).Select(kv => $"kv={Line.Pair(kv!)}");

    private static Compare Comparison(string[] parts)
    {
        var compare = new Compare
        {
            Result = parts[1] switch
            {
                "eq" => Compare.Types.CompareResult.Equal,
                "ne" => Compare.Types.CompareResult.NotEqual,
                "lt" => Compare.Types.CompareResult.Less,
                _ => Compare.Types.CompareResult.Greater,
            },
            Key = Line.Bytes(parts[2]),
            RangeEnd = Line.Bytes(parts[3]),
        };
        switch (parts[0])
        {
            case "value":
                (compare.Target, compare.Value) = (Compare.Types.CompareTarget.Value, Line.Bytes(parts[4]));
                break;
            case "version":
                (compare.Target, compare.Version) = (Compare.Types.CompareTarget.Version, Number(parts[4]));
                break;
            case "create":
                (compare.Target, compare.CreateRevision) = (Compare.Types.CompareTarget.Create, Number(parts[4]));
                break;
            case "mod":
                (compare.Target, compare.ModRevision) = (Compare.Types.CompareTarget.Mod, Number(parts[4]));
                break;
            default:
                (compare.Target, compare.Lease) = (Compare.Types.CompareTarget.Lease, Number(parts[4]));
                break;
        }

        return compare;
    }

    private static RequestOp Operation(string name, string[] parts) => name switch
    {
        "put" => new RequestOp
        {
            RequestPut = new PutRequest
            {
                Key = Line.Bytes(parts[0]),
                Value = Line.Bytes(parts[1]),
                Lease = Number(parts[2]),
                PrevKv = parts[3].Contains('p', StringComparison.Ordinal),
                IgnoreValue = parts[3].Contains('v', StringComparison.Ordinal),
                IgnoreLease = parts[3].Contains('l', StringComparison.Ordinal),
            },
        },
        "get" => new RequestOp
        {
            RequestRange = new RangeRequest
            {
                Key = Line.Bytes(parts[0]),
                RangeEnd = Line.Bytes(parts[1]),
                Limit = Number(parts[2]),
                Revision = Number(parts[3]),
                KeysOnly = parts[4].Contains('k', StringComparison.Ordinal),
                CountOnly = parts[4].Contains('c', StringComparison.Ordinal),
            },
        },
        "del" => new RequestOp
        {
            RequestDeleteRange = new DeleteRangeRequest
            {
                Key = Line.Bytes(parts[0]),
                RangeEnd = Line.Bytes(parts[1]),
                PrevKv = parts[2].Contains('p', StringComparison.Ordinal),
            },
        },
        _ => throw new NotSupportedException(),
    };

    private static long Number(string text) => text.Length == 0 ? 0 : long.Parse(text, CultureInfo.InvariantCulture);
}
