import sys

import etcd3

host, port = sys.argv[1].split(":")
client = etcd3.client(host=host, port=int(port))

client.put("greeting", "hello")
value, meta = client.get("greeting")
print("get", meta.key.decode(), "=", value.decode())

for name in "abc":
    client.put(f"app/{name}", name.upper())
found = client.get_prefix("app/")
print("prefix", *(f"{meta.key.decode()}={value.decode()}" for value, meta in found))

succeeded, _ = client.transaction(
    compare=[client.transactions.value("greeting") == "hello"],
    success=[client.transactions.put("greeting", "bye")],
    failure=[client.transactions.delete("greeting")],
)
print("transaction", "succeeded" if succeeded else "failed")
print("deleted", client.delete_prefix("app/").deleted)

lease = client.lease(60)
client.put("session", "here", lease=lease)
print("session", client.get("session")[0].decode())
lease.revoke()
print("session", "gone" if client.get("session")[0] is None else "left")

events, cancel = client.watch("watched")
client.put("watched", "1")
client.delete("watched")
for event in events:
    if isinstance(event, etcd3.events.DeleteEvent):
        print("event delete", event.key.decode())
        cancel()
    else:
        print(f"event put {event.key.decode()}={event.value.decode()}")

with client.lock("job", ttl=10):
    print("locked")
client.close()
