"""The messages and enums of the etcd API, under the names protobuf gives them.

``etcdkit.etcdrpc.PutResponse``, ``etcdkit.etcdrpc.RangeRequest.ASCEND``, ``etcdkit.etcdrpc.NOSPACE``
and ``etcdkit.etcdrpc.WatchCreateRequest.FilterType.Value('NOPUT')`` mean what they mean with
generated protobuf code; no protobuf package is involved.
"""

from etcdkit.etcdrpc._message import EnumType, Message
from etcdkit.etcdrpc._messages import *  # noqa: F403
from etcdkit.etcdrpc._messages import __all__ as _messages_all

__all__ = ["EnumType", "Message", *_messages_all]  # noqa: PLE0604
