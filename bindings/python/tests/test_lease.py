"""Leases: granted, renewed, revoked, kept alive, lost."""

from __future__ import annotations

import pytest

from conftest import PATIENCE
from etcdkit.events import DeleteEvent
from etcdkit.exceptions import PreconditionFailedError, RpcError, StatusCode


def test_a_lease_has_an_id_a_ttl_and_keys(etcd, prefix):
    lease = etcd.lease(30)
    etcd.put(prefix + "a", "1", lease=lease)
    etcd.put(prefix + "b", "1", lease=lease.id)
    assert lease.ttl == lease.granted_ttl == 30
    assert 0 < lease.remaining_ttl <= 30
    assert sorted(lease.keys) == [(prefix + "a").encode(), (prefix + "b").encode()]
    assert etcd.get(prefix + "a")[1].lease_id == lease.id
    lease.revoke()
    assert etcd.get(prefix + "a") == (None, None)
    assert lease.remaining_ttl == -1


def test_an_id_can_be_chosen_once(etcd, prefix):
    number = hash(prefix) & 0x7FFF_FFFF
    lease = etcd.lease(30, lease_id=number)
    assert lease.id == number
    with pytest.raises(PreconditionFailedError) as caught:
        etcd.lease(30, lease_id=number)
    assert caught.value.details() == "etcdserver: lease already exists"
    lease.revoke()


def test_a_refresh_renews_and_tells_the_ttl(etcd):
    lease = etcd.lease(30)
    (answer,) = lease.refresh()
    assert (lease.id, 30) == (answer.ID, answer.TTL)
    lease.revoke()
    (answer,) = lease.refresh()
    assert answer.TTL == 0


def test_an_unknown_lease_is_an_error(etcd, prefix):
    with pytest.raises(RpcError) as caught:
        etcd.put(prefix, "1", lease=1)
    assert caught.value.code() == StatusCode.NOT_FOUND
    with pytest.raises(RpcError, match="requested lease not found"):
        etcd.revoke_lease(1)


def test_a_watcher_sees_the_key_of_a_lease_go(etcd, prefix):
    with etcd.lease(1) as lease:
        etcd.put(prefix + "key", "1", lease=lease)
        event = etcd.watch_once(prefix + "key", timeout=PATIENCE)
        assert isinstance(event, DeleteEvent)
        etcd.lease(5, lease_id=lease.id)  # So that leaving the block has something to revoke.


def test_a_lease_that_is_kept_alive_outlives_its_ttl(etcd, prefix):
    lease = etcd.lease(1)
    etcd.put(prefix + "key", "1", lease=lease)
    with lease.keepalive() as renewal:
        assert renewal.wait_lost(timeout=2.5) is None
        assert renewal.is_alive
        assert etcd.get(prefix + "key")[0] == b"1"
    assert not renewal.is_alive
    assert isinstance(etcd.watch_once(prefix + "key", timeout=PATIENCE), DeleteEvent)


def test_the_loss_of_a_lease_is_told_with_its_reason(etcd):
    lease = etcd.lease(2)
    renewal = lease.keepalive()
    lease.revoke()
    assert "expired or been revoked" in renewal.wait_lost(timeout=PATIENCE)
    assert not renewal.is_alive
    assert "expired or been revoked" in renewal.lost_reason
    renewal.close()
