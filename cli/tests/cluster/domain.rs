//! Members that find each other, and clients that find them, by the SRV records of a domain: on a network of the test's own,
//! with a name server of its own. Their certificates are for any machine of the domain.

use std::net::Ipv4Addr;
use std::process::Command;

use etcdkit_authority::Authority;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use tokio::net::UdpSocket;

use crate::authority::peer_flags;
use crate::nodes::Nodes;

const DOMAIN: &str = "cluster.test";
const TTL: u32 = 60;
/// No question of a resolver is longer.
const QUESTION_BYTES_MAX: usize = 4096;

/// A resolver asks port 53 of the server in a file of the system: both can only be ours in namespaces.
#[test]
fn a_cluster_and_its_clients_find_each_other_by_a_domain() {
    let namespaces = ["--map-root-user", "--net", "--mount"];
    if !Command::new("unshare").args(namespaces).arg("true").status().is_ok_and(|status| status.success()) {
        println!("left out: this machine gives no namespaces");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let hosts: String = (0..3).map(|number| format!(" m{number}.{DOMAIN}")).collect();
    std::fs::write(dir.path().join("hosts"), format!("127.0.0.1{hosts}\n127.0.0.1 localhost\n")).unwrap();
    std::fs::write(dir.path().join("resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
    let status = Command::new("unshare")
        .args(namespaces)
        .args(["sh", "-euc"])
        .arg(
            "ip link set lo up
             mount --bind \"$FILES/hosts\" /etc/hosts
             mount --bind \"$FILES/resolv.conf\" /etc/resolv.conf
             exec \"$TEST\" --exact domain::on_a_network_of_its_own --ignored --nocapture",
        )
        .env("FILES", dir.path())
        .env("TEST", std::env::current_exe().unwrap())
        .status();
    assert!(status.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs namespaces, in which a_cluster_and_its_clients_find_each_other_by_a_domain runs it"]
async fn on_a_network_of_its_own() {
    let own = Authority::new();
    let mut flags = peer_flags(&own, "member", &format!("*.{DOMAIN}"));
    flags.push(format!("--discovery-srv={DOMAIN}"));
    let mut nodes = Nodes::place_encrypted(3, &flags);
    let mut records = Vec::new();
    for number in 0..3 {
        let host = format!("m{number}.{DOMAIN}.");
        let address = RData::A(A(Ipv4Addr::LOCALHOST));
        records.push(Record::from_rdata(Name::from_ascii(&host).unwrap(), TTL, address));
        for (service, url) in
            [("etcd-server-ssl", nodes.peer_url(number)), ("etcd-client", nodes.client_url(number))]
        {
            let port = url.rsplit(':').next().unwrap().parse().unwrap();
            let target = SRV::new(0, 0, port, Name::from_ascii(&host).unwrap());
            let name = Name::from_ascii(format!("_{service}._tcp.{DOMAIN}.")).unwrap();
            records.push(Record::from_rdata(name, TTL, RData::SRV(target)));
        }
    }
    let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).await.unwrap();
    let _serving = tokio::spawn(answer(port, records));
    for number in 0..3 {
        nodes.start(number);
    }
    nodes.wait_for_leader().await;
    nodes.client(0).await.put("key", "1", None).await.unwrap();
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;

    let ctl = |arguments: &[&str]| {
        let ran = Command::new(env!("CARGO_BIN_EXE_etcdkit"))
            .args(["ctl", "--discovery-srv", DOMAIN])
            .args(arguments)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    assert_eq!(tokio::task::block_in_place(|| ctl(&["get", "key"])), "key\n1\n");
    let health = tokio::task::block_in_place(|| ctl(&["endpoint", "health"]));
    for number in 0..3 {
        let endpoint = nodes.client_url(number).replace("127.0.0.1", &format!("m{number}.{DOMAIN}."));
        assert!(health.contains(&format!("{endpoint} is healthy")), "{health}");
    }
}

/// Answers with the records of what is asked for, and that there are none.
async fn answer(port: UdpSocket, records: Vec<Record>) {
    let mut buffer = [0; QUESTION_BYTES_MAX];
    loop {
        let (length, from) = port.recv_from(&mut buffer).await.unwrap();
        let asked = Message::from_vec(&buffer[..length]).unwrap();
        let mut told = Message::response(asked.metadata.id, asked.metadata.op_code);
        for question in &asked.queries {
            told.add_query(question.clone());
            told.add_answers(
                records
                    .iter()
                    .filter(|record| {
                        record.name == *question.name() && record.record_type() == question.query_type()
                    })
                    .cloned(),
            );
            if !records.iter().any(|record| record.name == *question.name()) {
                told.metadata.response_code = ResponseCode::NXDomain;
            }
        }
        port.send_to(&told.to_vec().unwrap(), from).await.unwrap();
    }
}
