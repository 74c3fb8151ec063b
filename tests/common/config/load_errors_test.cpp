// What is said of every mistake, and where. One table row per sentence: what a person reads is the interface.
#include "common/config/load.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

namespace {

using Lines = std::vector<std::string>;

Lines remarks(const std::string& text) {
  Lines lines;
  const auto loaded = parse_config(text, "f", {.node = "", .default_node = "host"});
  bool has_error = false;
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    has_error = has_error || diagnostic.severity == Diagnostic::Severity::error;
    lines.push_back(to_string(diagnostic));
  }
  CHECK(loaded.config.has_value() == !has_error);
  return lines;
}

struct Case {
  const char* text;
  const char* expected;  // the only remark, without the file's name
};

void check_cases(const std::vector<Case>& cases, const std::string& before, const std::string& after) {
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    CHECK(remarks(before + text + after) == Lines{std::string("f:") + expected});
  }
}

}  // namespace

// clang-format off
TEST_CASE("mistakes in an instance") {
  check_cases({
      {"vrid: 0", "2:53: error: `vrid` must be a whole number from 1 to 255, not `0`"},
      {"vrid: 256", "2:53: error: `vrid` must be a whole number from 1 to 255, not `256`"},
      {"vrid: -1", "2:53: error: `vrid` must be a whole number from 1 to 255, not `-1`"},
      {"vrid: 99999999999999999999", "2:53: error: `vrid` must be a whole number from 1 to 255, not `99999999999999999999`"},
      {"vrid: 0x10", "2:53: error: `vrid` must be a whole number from 1 to 255, not `0x10`"},
      {"vrid: 1.5", "2:53: error: `vrid` must be a whole number from 1 to 255, not `1.5`"},
      {"vrid: 010", "2:53: error: `vrid` is `010`, which some read as octal; write it without the leading zero"},
      {"vrid: '66'", "2:53: error: `vrid` is a number; write it without quotes"},
      {"vrid: many", "2:53: error: `vrid` must be a whole number from 1 to 255, not `many`"},
      {"vrid: 'many'", "2:53: error: `vrid` must be a whole number from 1 to 255, not the text \"many\""},
      {"vrid: [66]", "2:53: error: `vrid` must be a whole number from 1 to 255, not a list"},
      {"vrid: {}", "2:53: error: `vrid` must be a whole number from 1 to 255, not a map"},
      {"vrid: ", "2:47: error: `vrid` must be a whole number from 1 to 255, not empty"},
  }, "instances:\n  w: {interface: eth0, addresses: [10.0.0.1], ", "}\n");
  check_cases({
      {"version: 4", "2:65: error: `version` must be 2 or 3, not `4`"},
      // VX-PK-02
      {"priority: 0", "2:66: error: `priority` must be a whole number from 1 to 255, not `0`"},
      {"priority: 256", "2:66: error: `priority` must be a whole number from 1 to 255, not `256`"},
      {"priority: 1", "2:66: warning: priority 1 is that of a demoted router: every other takes over from it at once; write 2 or more unless that is meant"},
      {"advert_interval: 1", "2:73: error: `advert_interval` has no unit; write `1s` for seconds or `1ms` for milliseconds"},
      {"advert_interval: 1.5", "2:73: error: `advert_interval` has no unit; write `1.5s` for seconds or `1.5ms` for milliseconds"},
      {"advert_interval: soon", "2:73: error: `advert_interval` must be a duration from 10ms to 40.95s in steps of 10ms, written like `500ms`, `2s` or `1m`, not `soon`"},
      {"advert_interval: 9ms", "2:73: error: `advert_interval` must be a duration from 10ms to 40.95s in steps of 10ms, not `9ms`"},
      {"advert_interval: 15ms", "2:73: error: `advert_interval` must be a duration from 10ms to 40.95s in steps of 10ms, not `15ms`"},
      {"advert_interval: 40.96s", "2:73: error: `advert_interval` must be a duration from 10ms to 40.95s in steps of 10ms, not `40.96s`"},
      {"advert_interval: 0s", "2:73: error: `advert_interval` must be a duration from 10ms to 40.95s in steps of 10ms, not `0s`"},
      {"version: 2, advert_interval: 1.5s", "2:85: error: `advert_interval` must be a duration from 1s to 255s in steps of 1s, not `1.5s`"},
      {"version: 2, advert_interval: 256s", "2:85: error: `advert_interval` must be a duration from 1s to 255s in steps of 1s, not `256s`"},
      {"password: 1111", "2:56: error: only version 2 has a password; write `version: 2`, or remove `password`"},
      {"version: 2, password: 123456789", "2:78: error: `password` is longer than 8 bytes; keepalived cuts it to the first 8, so write only those, here and on the other hosts"},
      {"version: 2, password: ''", "2:78: error: `password` has no value; write one, or remove the line"},
      {"version: 2, password: ", "2:68: error: `password` has no value; write one, or remove the line"},
      {"version: 2, password: [a]", "2:78: error: `password` must be one text, not a list"},
      {"version: 2, checksum: rfc5798", "2:68: error: version 2 has only one form of checksum; remove `checksum`"},
      {"checksum: rfc3768", "2:66: error: `checksum` can't be `rfc3768`; did you mean `rfc5798`? It is one of `rfc5798` or `rfc9568`"},
      {"timers: slow", "2:64: error: `timers` can't be `slow`; write `fast` or `rfc`"},
      {"timers: fats", "2:64: error: `timers` can't be `fats`; did you mean `fast`? It is one of `fast` or `rfc`"},
      {"preempt: no", "2:65: error: `preempt` must be `true` or `false`; write `false` for `no`"},
      {"preempt: True", "2:65: error: `preempt` must be `true` or `false`; write `true` for `True`"},
      {"preempt: 'true'", "2:65: error: `preempt` must be `true` or `false`, not the text \"true\""},
      {"preempt: maybe", "2:65: error: `preempt` must be `true` or `false`, not `maybe`"},
      {"preempt: false, preempt_delay: 5s", "2:72: warning: `preempt_delay` does nothing with `preempt: false`; remove one of them"},
      {"return_after: 2h", "2:70: error: `return_after` must be a duration from 0s to 1h, not `2h`"},
      {"preempt_delay: 2h", "2:71: error: `preempt_delay` must be a duration from 0s to 1h, not `2h`"},
      {"lease: 500ms", "2:63: error: `lease` must be a duration from 1s to 1h in steps of 1s, not `500ms`"},
      {"lease: 1.5s", "2:63: error: `lease` must be a duration from 1s to 1h in steps of 1s, not `1.5s`"},
      {"announce: 3", "2:66: error: `announce` of instance `w` must be a map: lines of `key: value`, indented below it"},
      {"announce: {count: 0}", "2:74: error: `count` must be a whole number from 1 to 100, not `0`"},
      {"announce: {refresh: 10ms}", "2:76: error: `refresh` must be at least 1s, or 0s for never"},
      {"announce: {counts: 3}", "2:67: error: unknown key `counts` in `announce` of instance `w`; did you mean `count`?"},
      {"priorty: 3", "2:56: error: unknown key `priorty` in instance `w`; did you mean `priority`?"},
      {"zzz: 3", "2:56: error: unknown key `zzz` in instance `w`; the keys here are: interface, vrid, priority, addresses, source, peers, version, advert_interval, mixed_versions, password, password_file, checksum, require_link_local_first, preempt, return_after, preempt_delay, timers, lease, announce, virtual_mac, accept, track, move"},
      {"state: MASTER", "2:56: error: unknown key `state` in instance `w`; remove it; the priorities decide who is active"},
      {"nopreempt: true", "2:56: error: unknown key `nopreempt` in instance `w`; write `preempt: false`"},
      {"x-note: a", "2:56: error: unknown key `x-note` in instance `w`; the keys here are: interface, vrid, priority, addresses, source, peers, version, advert_interval, mixed_versions, password, password_file, checksum, require_link_local_first, preempt, return_after, preempt_delay, timers, lease, announce, virtual_mac, accept, track, move"},
  }, "instances:\n  w: {interface: eth0, vrid: 1, addresses: [10.0.0.1], ", "}\n");
}

TEST_CASE("keepalived's words get their mend") {
  const std::vector<std::pair<std::string, std::string>> words{
      {"state: BACKUP", "remove it; the priorities decide who is active"},
      {"advert_int: 1", "write `advert_interval` with a unit, such as `1s`"},
      {"auth_pass: 1", "write `password`"},
      {"authentication: {auth_pass: 1}", "write `password: ...` in the instance itself"},
      {"garp_master_delay: 5", "write `announce: {count: 5, repeat_after: 5s, refresh: 1m}` with what you need"},
      {"garp_master_refresh: 60", "write `announce: {count: 5, repeat_after: 5s, refresh: 1m}` with what you need"},
      {"mcast_src_ip: 10.0.0.9", "write `source`"},
      {"unicast_peer: [10.0.0.9]", "write `peers`"},
      {"unicast_src_ip: 10.0.0.9", "write `source`"},
      {"notify_master: x", "write `notify: {commands: [{command: [SCRIPT], on: [active]}]}` at the top of the file; the script gets keepalived's arguments behind its own"},
      {"notify: x", "write `notify: {commands: [{command: [SCRIPT]}]}` at the top of the file; the script gets keepalived's arguments"},
      {"smtp_alert: true", "write `notify: {email: {to: [...], from: ..., server: ...}}` at the top of the file"},
      {"track_interface: [eth1]", "write `track: [{interface: ...}]`; the instance's own is watched without it"},
      {"track_script: [a]", "write `track`"},
      {"use_vmac: vrrp.1", "write `virtual_mac: true`"},
      {"dont_track_primary: true", "remove it; without its link an instance is always in fault"},
      {"virtual_ipaddress_excluded: [a]", "write `{address: ..., advertised: false}` within `addresses`"},
  };
  for (const auto& [text, mend] : words) {
    const std::string word = text.substr(0, text.find(':'));
    CHECK(remarks("instances:\n  w: {interface: eth0, vrid: 1, addresses: [10.0.0.1], " + text + "}\n") ==
          Lines{"f:2:56: error: unknown key `" + word + "` in instance `w`; " + mend});
  }
  // The words that stand for a key leave no second complaint that it is missing.
  CHECK(remarks("instances:\n  w: {interface: eth0, virtual_router_id: 1, virtual_ipaddress: [10.0.0.1]}\n") == Lines{
      "f:2:24: error: unknown key `virtual_router_id` in instance `w`; write `vrid`",
      "f:2:46: error: unknown key `virtual_ipaddress` in instance `w`; write `addresses`"});
}

TEST_CASE("a key in the wrong part is sent home") {
  const std::string instance = "instances:\n  w: {interface: eth0, vrid: 1, addresses: [10.0.0.1], track: [c]}\n";
  CHECK(remarks("checks:\n  c: {type: process, name: a, track: [w]}\n" + instance) == Lines{
      "f:2:31: error: unknown key `track` in check `c`; it belongs to an instance, move it there"});
  CHECK(remarks("checks:\n  c: {type: process, name: a, before_failover: 3s}\n" + instance) == Lines{
      "f:2:31: error: unknown key `before_failover` in check `c`; it belongs to the `restart` of a check, move it there"});
  CHECK(remarks("checks:\n  c: {type: process, name: a}\nvrid: 1\n" + instance) == Lines{
      "f:3:1: error: unknown key `vrid` in the file; it belongs to an instance, move it there"});
}

TEST_CASE("lost indentation makes one error") {
  const std::string keys = "interface: eth0\n  vrid: 1\n  addresses: [10.0.0.1]\n  track: [nginx]\n";
  const std::string checks = "checks:\n  nginx: {type: process, name: nginx}\n";
  CHECK(remarks(checks + "instances:\n  web:\n  " + keys) == Lines{
      "f:5:3: error: `interface` stands beside `web`, whose key it is; indent these lines below `web`"});
  CHECK(remarks(checks + "instances:\nweb:\n  " + keys) == Lines{
      "f:4:1: error: `web` stands beside `instances`, where it belongs; indent these lines below `instances`"});
  CHECK(remarks("checks:\nnginx: {type: process, name: nginx}\ninstances:\n web:\n  " + keys) == Lines{
      "f:2:1: error: `nginx` stands beside `checks`, where it belongs; indent these lines below `checks`"});
  CHECK(remarks(checks + "instances:\n- web:\n   interface: eth0\n") == Lines{
      "f:4:1: error: `instances` holds names, it is no list; remove the `-` before `web`, and indent its keys below it"});
  CHECK(remarks("checks:\n- nginx:\n   type: process\ninstances:\n web:\n  " + keys) == Lines{
      "f:2:1: error: `checks` holds names, it is no list; remove the `-` before `nginx`, and indent its keys below it"});
  CHECK(remarks("instances:\n- interface: eth0\n  vrid: 1\n") == Lines{
      "f:2:1: error: `instances` holds names, it is no list; write a name and a colon in place of the `-`, such as `web:`, and indent its keys below it"});
}

TEST_CASE("a timeout beyond the interval") {
  CHECK(remarks("checks:\n  c: {type: process, name: a, interval: 1s, timeout: 2s}\n"
                "instances:\n  w: {interface: eth0, vrid: 1, addresses: [10.0.0.1], track: [c]}\n") == Lines{
      "f:2:54: warning: `timeout` 2s is longer than `interval` 1s, so a check that hangs is noticed late; write a shorter one, or a longer `interval`"});
}

TEST_CASE("names of interfaces") {
  check_cases({
      {"averylonginterface", "2:18: error: `interface` can't be `averylonginterface`: the name of an interface has at most 15 bytes; write a name that `ip link` shows"},
      {"eth/0", "2:18: error: `interface` can't be `eth/0`: the name of an interface has no blank, slash or colon in it; write a name that `ip link` shows"},
      {"eth0 eth1", "2:18: error: `interface` can't be `eth0 eth1`: the name of an interface has no blank, slash or colon in it; write a name that `ip link` shows"},
      {"eth0:1", "2:18: error: `interface` can't be `eth0:1`: that is the label of an address; write `eth0` here and `label` at the address"},
      {"..", "2:18: error: `interface` can't be `..`: the name of an interface has no blank, slash or colon in it; write a name that `ip link` shows"},
      {"\"\"", "2:18: error: `interface` has no value; write one, or remove the line"},
  }, "instances:\n  w: {interface: ", ", vrid: 1, addresses: [10.0.0.1]}\n");
}

TEST_CASE("what an instance must have") {
  CHECK(remarks("instances:\n  w: {}\n") == Lines{
      "f:2:3: error: instance `w` has no `interface`; add one, such as `interface: eth0`",
      "f:2:3: error: instance `w` has no `vrid`; add one, such as `vrid: 66`"});
  check_cases({
      {"  w:\n", "2:3: error: instance `w` is empty; write its keys below it, indented, or remove it"},
      {"  w: eth0\n", "2:6: error: instance `w` must be a map: lines of `key: value`, indented below it"},
      {"  'a b': {interface: e, vrid: 1, addresses: [10.0.0.1]}\n", "2:3: error: an instance can't be called `a b`; use 1 to 64 characters without blanks, such as `web-1`"},
      {"  \"a\\x1b\": {interface: e, vrid: 1, addresses: [10.0.0.1]}\n", "2:3: error: an instance can't be called `a?`; use 1 to 64 characters without blanks, such as `web-1`"},
  }, "instances:\n", "");
}

TEST_CASE("mistakes in addresses") {
  check_cases({
      {"", "2:33: error: `addresses` is empty; write at least one entry, such as `[192.168.16.130]`"},
      {"10.0.0.1", "2:44: error: `addresses` must be a list, such as `[192.168.16.130]`, not `10.0.0.1`"},
      {"[10.0.0.256]", "2:45: error: `10.0.0.256` can't be a virtual address: write an address with or without a length, such as `192.168.16.130/24` or `2001:db8::80`"},
      {"[10.0.0.1 dev eth1]", "2:45: error: `10.0.0.1 dev eth1` can't be a virtual address: it is written as in keepalived; write `{address: 10.0.0.1, interface: eth1}`"},
      {"[10.0.0.1/24 brd 10.0.0.255 dev eth1 scope global label eth1:1]", "2:45: error: `10.0.0.1/24 brd 10.0.0.255 dev eth1 scope global label eth1:...` can't be a virtual address: it is written as in keepalived; write `{address: 10.0.0.1/24, interface: eth1, scope: global, label: eth1:1}`"},
      {"[10.0.0.1/33]", "2:45: error: `10.0.0.1/33` can't be a virtual address: write an address with or without a length, such as `192.168.16.130/24` or `2001:db8::80`"},
      {"[10.0.0.1/0]", "2:45: error: `10.0.0.1/0` can't be a virtual address: with /0 every address would be its neighbour; write the subnet's length"},
      {"[0.0.0.0]", "2:45: error: `0.0.0.0` can't be a virtual address: no host can have an address that begins with 0; write one out of the hosts' subnet"},
      {"[127.0.0.1]", "2:45: error: `127.0.0.1` can't be a virtual address: it is a loopback address, which other hosts can't reach; write one out of the hosts' subnet"},
      {"[224.0.0.18]", "2:45: error: `224.0.0.18` can't be a virtual address: it is a multicast address; write one out of the hosts' subnet"},
      {"[255.255.255.255]", "2:45: error: `255.255.255.255` can't be a virtual address: it is reserved; write one out of the hosts' subnet"},
      {"[10.0.0.0/24]", "2:45: error: `10.0.0.0/24` can't be a virtual address: it is the address of the whole subnet; write one inside it"},
      {"[10.0.0.255/24]", "2:45: error: `10.0.0.255/24` can't be a virtual address: it is the broadcast address of its subnet; write one inside it"},
      {"[10.0.0.1, 10.0.0.1/24]", "2:55: error: 10.0.0.1 belongs to this instance already; remove one of them"},
      {"[[10.0.0.1]]", "2:45: error: an address must be a text, such as `192.168.16.130`, or a map, such as `{address: 192.168.16.130, interface: eth1}`, not a list"},
      {"[{interface: eth1}]", "2:45: error: this address has no `address`; add one, such as `address: 192.168.16.130`"},
      {"[{address: 10.0.0.1, lable: x}]", "2:65: error: unknown key `lable` in this address; did you mean `label`?"},
      {"[{address: 10.0.0.1, label: vip}]", "2:72: error: `label` `vip` must begin with the interface and a colon and have at most 15 characters, such as `eth0:vip`"},
      {"[{address: 10.0.0.1, label: 'eth0:averylongone'}]", "2:72: error: `label` `eth0:averylongone` must begin with the interface and a colon and have at most 15 characters, such as `eth0:vip`"},
      {"[{address: 10.0.0.1, scope: lnik}]", "2:72: error: `scope` can't be `lnik`; did you mean `link`? It is one of `global`, `site`, `link` or `host`"},
      {"[{address: 10.0.0.1, advertised: false}]", "2:44: warning: no address is advertised; Holdfast takes an empty advert from Holdfast, but other programs drop it, so remove `advertised: false` from one where others are in the group"},
  }, "instances:\n  w: {interface: eth0, vrid: 1, addresses: ", "}\n");
  std::string many;
  for (int i = 0; i < 256; ++i) many += "10.1.0." + std::to_string(i) + ", ";
  CHECK(remarks("instances:\n  w: {interface: eth0, vrid: 1, addresses: [" + many + "]}\n") == Lines{
      "f:2:44: error: 256 addresses, and an advert has room for 255; spread them over several instances"});
}

TEST_CASE("mistakes in IPv6 addresses") {
  check_cases({
      {"['::1']", "2:46: error: `::1` can't be a virtual address: it is a loopback address, which other hosts can't reach; write one out of the hosts' subnet"},
      {"['::']", "2:46: error: `::` can't be a virtual address: it stands for no address at all; write one out of the hosts' subnet"},
      {"['ff02::12']", "2:46: error: `ff02::12` can't be a virtual address: it is a multicast address; write one out of the hosts' subnet"},
      {"['::ffff:10.0.0.1']", "2:46: error: `::ffff:10.0.0.1` can't be a virtual address: it is an IPv4 address in the form of IPv6; write one out of the hosts' subnet"},
      {"['2001:db8::/64']", "2:46: error: `2001:db8::/64` can't be a virtual address: it stands for every router of its subnet; write one inside it"},
      {"['2001:db8::1/129']", "2:46: error: `2001:db8::1/129` can't be a virtual address: write an address with or without a length, such as `192.168.16.130/24` or `2001:db8::80`"},
      {"['fe80::1%eth1']", "2:46: error: `fe80::1%eth1` can't be a virtual address: write the interface beside it, `{address: 'fe80::1', interface: eth1}`"},
      {"['fe80::42', {address: '2001:db8::1', label: 'eth0:v'}]", "2:83: error: an IPv6 address has no label; remove `label`"},
      {"['2001:db8::1']", "2:45: warning: no address here is link-local, and Cisco and Arista ignore adverts whose list does not start with one (RFC 9568, 5.2.9); add such as `fe80::42` on every host"},
      {"[{address: 'fe80::42', advertised: false}, '2001:db8::1']", "2:45: warning: no address here is link-local, and Cisco and Arista ignore adverts whose list does not start with one (RFC 9568, 5.2.9); add such as `fe80::42` on every host"},
      {"[10.0.0.1, 'fe80::42', 'fe80::43']", "2:56: error: fe80::42 is IPv6, unlike the addresses above, and a virtual router has one family; make another instance for it, and move both together with `sync_groups: {NAME: [this one, the other one]}`"},
      {"['fe80::42', 'fe80::42/64']", "2:58: error: fe80::42 belongs to this instance already; remove one of them"},
      {"['fe80::42'], version: 2", "2:68: error: version 2 has no IPv6; remove `version: 2`"},
      {"['fe80::42'], password: 1111", "2:59: error: only version 2 has a password, and IPv6 has only version 3; remove `password`"},
      {"['fe80::42'], checksum: rfc9568", "2:59: error: IPv6 has only one form of checksum; remove `checksum`"},
      {"['fe80::42'], mixed_versions: true", "2:59: error: `mixed_versions` speaks version 2 as well, which has no IPv6; remove it"},
      {"['fe80::42'], require_link_local_first: yes", "2:85: error: `require_link_local_first` must be `true` or `false`; write `true` for `yes`"},
      {"['fe80::42'], accept: false", "2:67: error: `accept: false` is not available: Linux answers for every address that it holds; remove it, and drop what must not be answered with nftables, such as `ip6 daddr fe80::42 meta l4proto != ipv6-icmp drop`"},
      {"['fe80::42'], source: '2001:db8::2'", "2:67: error: IPv6 adverts to the multicast group come from a link-local address; write the one that begins with `fe80:` on this host's interface, or add `peers`"},
      {"['fe80::42'], peers: ['fe80::2', '2001:db8::2']", "2:78: error: fe80::2 is link-local and 2001:db8::2 is not, but adverts to all peers have one source; write one kind for `source` and all `peers`"},
      {"['fe80::42'], source: '2001:db8::1', peers: ['fe80::2']", "2:90: error: fe80::2 is link-local and 2001:db8::1 is not, but adverts to all peers have one source; write one kind for `source` and all `peers`"},
      {"['fe80::42'], peers: [10.0.0.2]", "2:67: error: 10.0.0.2 is IPv4, and this instance is IPv6; write an IPv6 address, or make an instance for each family"},
  }, "instances:\n  w: {interface: eth0, vrid: 66, addresses: ", "}\n");
}

TEST_CASE("mistakes in peers, source and what goes with versions") {
  check_cases({
      {"peers: []", "2:63: error: `peers` is empty; write at least one entry, such as `[192.168.16.129]`"},
      {"peers: 10.0.0.2", "2:63: error: `peers` must be a list, such as `[192.168.16.129]`, not `10.0.0.2`"},
      {"peers: [web-2]", "2:64: error: `web-2` can't be a peer: write an address, such as `192.168.16.129`"},
      {"peers: [10.0.0.2/24]", "2:64: error: `10.0.0.2/24` can't be a peer: write the address alone, `10.0.0.2`"},
      {"peers: [224.0.0.18]", "2:64: error: `224.0.0.18` can't be a peer: it is a multicast address; write that of an interface"},
      {"peers: [10.0.0.2, 10.0.0.3, 10.0.0.2]", "2:84: error: peer 10.0.0.2 is listed twice; keep one of them"},
      {"peers: [10.0.0.1]", "2:64: error: peer 10.0.0.1 is one of the virtual addresses, which moves; write the other host's own address"},
      {"peers: [10.0.0.2, 10.0.0.3], source: 10.0.0.3", "2:74: error: peer 10.0.0.3 is this host's own `source`; list only the other hosts"},
      {"peers: ['fe80::2']", "2:64: error: fe80::2 is IPv6, and this instance is IPv4; write an IPv4 address, or make an instance for each family"},
      {"peer: [10.0.0.2]", "2:56: error: unknown key `peer` in instance `w`; did you mean `peers`?"},
      {"source: eth0", "2:64: error: `eth0` can't be `source`: write an address, such as `192.168.16.129`"},
      {"source: 10.0.0.1", "2:64: error: `source` is one of the virtual addresses, which a backup does not have; write the own address of this host's interface"},
      {"version: 2, mixed_versions: true", "2:68: error: `mixed_versions` is for version 3, which then speaks version 2 as well; write `version: 3`, or remove `mixed_versions`"},
      {"mixed_versions: true, advert_interval: 100ms", "2:95: warning: version 2 counts in whole seconds, and its routers drop adverts with another interval than theirs; write theirs, such as `1s`, until `mixed_versions` is no longer needed"},
      {"mixed_versions: true, password: 1", "2:78: error: only version 2 has a password; write `version: 2`, or remove `password`"},
      {"require_link_local_first: false", "2:56: error: `require_link_local_first` is for IPv6, whose lists of addresses begin with a link-local one; remove it"},
      {"virtual_mac: yes", "2:69: error: `virtual_mac` must be `true` or `false`; write `true` for `yes`"},
      {"accept: false", "2:64: error: `accept: false` is not available: Linux answers for every address that it holds; remove it, and drop what must not be answered with nftables, such as `ip daddr 10.0.0.1 drop`"},
      {"version: 2, password: a, password_file: /x", "2:81: error: instance `w` has both `password` and `password_file`; remove one of them"},
      {"version: 2, password_file: secret", "2:83: error: `password_file` must be an absolute path, one that begins with `/`, not `secret`"},
      {"version: 2, password_file: /nonexistent", "2:83: error: `password_file` `/nonexistent`: there is no such file; create it, or name another"},
      {"version: 2, password_file: /dev/zero", "2:83: error: `password_file` `/dev/zero`: is no regular file; name the file itself"},
  }, "instances:\n  w: {interface: eth0, vrid: 1, addresses: [10.0.0.1], ", "}\n");
  CHECK(remarks("instances:\n  w: {interface: eth0, vrid: 1, addresses: [], source: 10.0.0.1, peers: ['fe80::2']}\n") == Lines{
      "f:2:74: error: fe80::2 is IPv6, and this instance is IPv4; write an IPv4 address, or make an instance for each family"});
  CHECK(remarks("instances:\n  w: {interface: eth0, vrid: 1}\n") == Lines{
      "f:2:3: warning: instance `w` has no `addresses`, so none moves with it; add one, such as `addresses: [192.168.16.130]`, or write `addresses: []` where something else moves it"});
}

TEST_CASE("mistakes in sync groups") {
  const std::string instances = "instances:\n"
      "  a: {interface: eth0, vrid: 1, addresses: [10.0.0.1]}\n"
      "  b: {interface: eth0, vrid: 2, addresses: [10.0.0.2], priority: 90, preempt: false}\n"
      "  c: {interface: eth0, vrid: 3, addresses: [10.0.0.3], priority: 255}\n"
      "  d: {interface: eth0, vrid: 4, addresses: [10.0.0.4]}\n";
  check_cases({
      {"", "6:1: error: `sync_groups` must hold groups of instances by name, such as `sync_groups: {web: [web-v4, web-v6]}`"},
      {" [a, d]", "6:14: error: `sync_groups` must hold groups of instances by name, such as `sync_groups: {web: [web-v4, web-v6]}`"},
      {" {g: a}", "6:18: error: sync group `g` must be a list, such as `[web-v4, web-v6]`, not `a`"},
      {" {g: []}", "6:18: error: sync group `g` is empty; write at least one entry, such as `[web-v4, web-v6]`"},
      {" {g: [a]}", "6:18: error: sync group `g` has one member; a group needs two, so add one or remove the group"},
      {" {g: [a, a]}", "6:22: error: instance `a` stands twice in this group; keep one of them"},
      {" {g: [a, d], h: [b, a]}", "6:33: error: instance `a` is in sync group `g` already; an instance has one group"},
      {" {g: [a, web]}", "6:22: error: no instance is called `web`; the instances are: a, b, c, d"},
      {" {g: [a, [d]]}", "6:22: error: a member of sync group `g` must be one text, not a list"},
      {" {'g g': [a, d]}", "6:15: error: a sync group can't be called `g g`; use 1 to 64 characters without blanks, such as `web-1`"},
      {" {g: [a, c]}", "6:22: error: instance `c` has priority 255 and `a` has 100, but only an owner of all the group's addresses may have 255; give 255 to all members or to none"},
      {" {g: [b, a]}", "6:19: warning: instance `b` differs from `a` in `priority` and `preempt`; `a` decides for the group, so write the same in both"},
  }, instances + "sync_groups:", "\n");
  CHECK(remarks("sync_group: {}\n" + instances) == Lines{"f:1:1: error: unknown key `sync_group` in the file; did you mean `sync_groups`?"});
}

TEST_CASE("instances that are in each other's way") {
  CHECK(remarks("instances:\n"
                "  a: {interface: eth0, vrid: 1, addresses: [10.0.0.1]}\n"
                "  b: {interface: eth0, vrid: 1, addresses: [10.0.0.1]}\n") == Lines{
      "f:3:24: error: instance `b` has vrid 1 on eth0, like instance `a`; give each its own",
      "f:3:45: error: 10.0.0.1 belongs to instance `a` already; remove one of them"});
}

TEST_CASE("mistakes in track entries") {
  const std::string checks = "checks: {nginx: {type: process, name: nginx}, db: {type: process, name: db}}\n";
  check_cases({
      {"[db, nignx]", "3:83: error: no check is called `nignx`; did you mean `nginx`?"},
      {"[db, elsewhere]", "3:83: error: no check is called `elsewhere`; the checks are: nginx, db; for a link write `{interface: elsewhere}`"},
      {"[db, {check: ngnix}]", "3:91: error: no check is called `ngnix`; did you mean `nginx`?"},
      {"[db, nginx, db]", "3:90: error: check `db` is tracked twice; keep one of the entries"},
      {"db", "3:78: error: `track` must be a list, such as `[nginx, {check: db, weight: 2}]`, not `db`"},
      {"[]", "3:78: error: `track` is empty; write at least one entry, such as `[nginx, {check: db, weight: 2}]`"},
      {"[[db]]", "3:79: error: this track entry must be a map: lines of `key: value`, indented below it"},
      {"[{weight: 2}]", "3:79: error: this track entry has no `check`; add one, such as `check: nginx`, or `interface: eth1`, for a link"},
      {"[{check: db, weight: 0}]", "3:99: error: `weight: 0` would do nothing; write a weight from 1 to 253 or -253 to -1, or `while_down: fault`"},
      {"[{check: db, weight: 254}]", "3:99: error: `weight` must be a whole number from -253 to 253, not `254`"},
      {"[{check: db, weight: 2, while_down: fault}]", "3:102: error: a track entry has either `weight` or `while_down`; remove one of them"},
      {"[{check: db, while_down: falut}]", "3:103: error: `while_down` can't be `falut`; did you mean `fault`? It is one of `demote` or `fault`"},
      {"[{check: db, wieght: 2}]", "3:91: error: unknown key `wieght` in this track entry; did you mean `weight`?"},
      {"[{check: db, interface: eth1}]", "3:91: error: a track entry has either `check` or `interface`; make an entry for each"},
      {"[{interface: eth1}, {interface: eth1, weight: 2}]", "3:98: error: interface `eth1` is tracked twice; keep one of the entries"},
      {"[{interface: 'eth0:1'}]", "3:91: error: `interface` can't be `eth0:1`: that is the label of an address; write `eth0` here and `label` at the address"},
      {"[{interface: eth1, intrface: eth2}]", "3:97: error: unknown key `intrface` in this track entry; did you mean `interface`?"},
  }, checks + "instances:\n  w: {interface: eth0, vrid: 1, priority: 100, addresses: [10.0.0.1], track: ", "}\n");
}

TEST_CASE("tracks without checks") {
  check_cases({{"", "2:64: error: no check is called `nginx`; define it under `checks`; for a link write `{interface: nginx}`"}},
      "instances:\n  w: {interface: eth0, vrid: 1, addresses: [10.0.0.1], track: [nginx]}\n", "");
}

TEST_CASE("tracks that can't work as meant") {
  const std::string checks = "checks: {nginx: {type: process, name: nginx}}\n";
  check_cases({
      {"priority: 255, addresses: [10.0.0.1], track: [nginx]", "3:79: error: priority 255 can't be lowered or raised; write `{check: nginx, while_down: fault}`, or a priority of at most 254"},
      {"priority: 255, addresses: [10.0.0.1], track: [{check: nginx, weight: 2}]", "3:79: error: priority 255 can't be lowered or raised; write `{check: nginx, while_down: fault}`, or a priority of at most 254"},
      {"preempt: false, addresses: [10.0.0.1], track: [{check: nginx, weight: 2}]", "3:80: warning: with `preempt: false` no router takes over because of a weight, so this entry moves the address only when the active router stops; write `{check: nginx}` or `while_down: fault` for a failover"},
      {"version: 2, preempt: false, addresses: [10.0.0.1], track: [nginx]", "3:92: warning: a keepalived with `nopreempt` does not take over from a demoted router; if one is in this group, write `{check: nginx, while_down: fault}`"},
      {"priority: 254, addresses: [10.0.0.1], track: [{check: nginx, weight: 2}]", "3:79: error: the priority stays at 254 whether this is up or down, since it ends at 1 and 254, so a failure would never move the address; choose another `priority`, or write `{check: nginx}` without a weight"},
      {"addresses: [10.0.0.1], track: [{check: nginx, weight: -1}]", "3:64: warning: a weight of 1 is smaller than any gap: a failure makes a tie at best, which the greater address wins; write a larger weight, or `{check: nginx}` without one, which moves the address whatever the priorities are"},
      {"priority: 250, addresses: [10.0.0.1], track: [{check: nginx, weight: 10}]", "3:79: warning: with this weight the priority would be 260 while all is up; it stays at 254, so choose smaller numbers"},
      {"preempt: false, addresses: [10.0.0.1], track: [nginx, {interface: eth1, weight: -20}]", "3:87: warning: with `preempt: false` no router takes over because of a weight, so this entry moves the address only when the active router stops; write `{interface: eth1}` or `while_down: fault` for a failover"},
      {"addresses: [10.0.0.1], track: [nginx, {interface: eth0}]", "3:71: warning: `eth0` is the instance's own interface, without whose link it is in fault anyway; remove this entry"},
      {"priority: 10, addresses: [10.0.0.1], track: [{check: nginx, weight: -20}]", "3:78: warning: with this weight the priority would be -10 while all is down; it stays at 1, so choose smaller numbers"},
  }, checks + "instances:\n  w: {interface: eth0, vrid: 1, ", "}\n");
}

TEST_CASE("mistakes in checks") {
  check_cases({
      {"", "2:3: error: check `c` has no `type`; add one, such as `type: process`"},
      {"type: proces", "2:13: error: `type` can't be `proces`; did you mean `process`? It is one of `process`, `tcp`, `http`, `nginx`, `script` or `file`"},
      {"type: nginx, stub_status: b", "2:33: error: `stub_status` `b` must begin with `http://` or `https://`"},
      {"type: nginx, url: b", "2:25: error: `url` `b` must begin with `http://` or `https://`"},
      {"type: nginx, name: nginx", "2:20: error: `name` belongs to a check of type process, and this one is nginx; remove the line or change the type"},
      {"type: nginx, tls_ca: /x", "2:20: warning: `tls_ca` does nothing, since the URL is not https; remove the line"},
      {"type: file", "2:3: error: check `c` has no `path`; add one, such as `path: /etc/holdfast/maintenance`"},
      {"type: file, path: x", "2:25: error: `path` must be an absolute path, one that begins with `/`, not `x`"},
      {"type: file, path: /etc/", "2:25: error: `path` must name a file; remove the `/` at its end"},
      {"type: file, path: /x, invert: on", "2:37: error: `invert` must be `true` or `false`; write `true` for `on`"},
      {"type: process", "2:3: error: check `c` has no `pid_file`; add one, such as `pid_file: /run/nginx.pid`, or `name: nginx`, to look for the process by its name"},
      {"type: process, pid_file: nginx.pid", "2:32: error: `pid_file` must be an absolute path, one that begins with `/`, not `nginx.pid`"},
      {"type: process, pid_file: /x, name: a", "2:36: error: check `c` has both `pid_file` and `name`; remove one of them"},
      {"type: process, name: a-process-of-18-b", "2:28: error: `name` is longer than 15 bytes, which is all that the kernel keeps of a process's name; write `a-process-of-18`, as `ps -o comm` shows it"},
      {"type: process, name: /sbin/nginx", "2:28: error: `name` is the name of a process, not a path; write `nginx`"},
      {"type: process, name: a, url: x", "2:31: error: `url` belongs to a check of type http or nginx, and this one is process; remove the line or change the type"},
      {"type: process, name: a, intervall: 1s", "2:31: error: unknown key `intervall` in check `c`; did you mean `interval`?"},
      {"type: process, name: a, interval: 5ms", "2:41: error: `interval` must be a duration from 10ms to 24h, not `5ms`"},
      {"type: process, name: a, rise: 0", "2:37: error: `rise` must be a whole number from 1 to 255, not `0`"},
      {"type: process, name: a, fall: 2s", "2:37: error: `fall` must be a whole number from 1 to 255, not `2s`"},
      {"type: tcp", "2:3: error: check `c` has no `address`; add one, such as `address: 127.0.0.1:80`"},
      {"type: tcp, address: 127.0.0.1", "2:27: error: `address` `127.0.0.1` lacks the port; write it behind a colon, as in `127.0.0.1:80`"},
      {"type: tcp, address: 'a:1', expect: '(a'", "2:42: error: `expect` is not a valid regular expression: it has a '(' without its ')', or the other way round"},
      {"type: http", "2:3: error: check `c` has no `url`; add one, such as `url: http://127.0.0.1/`"},
      {"type: http, url: 127.0.0.1", "2:24: error: `url` `127.0.0.1` must begin with `http://` or `https://`"},
      {"type: http, url: 'http://a', host: 'a/b'", "2:42: error: `host` `a/b` must be a host name alone, as in `www.example.net`"},
      {"type: http, url: 'http://a', status: 200", "2:44: error: `status` must be a list, such as `[200-399]`, not `200`"},
      {"type: http, url: 'http://a', status: [2xx]", "2:45: error: an entry of `status` must be a status from 100 to 599 or a range of them, as in `[200, 301-302]`"},
      {"type: http, url: 'http://a', status: [399-200]", "2:45: error: an entry of `status` must be a status from 100 to 599 or a range of them, as in `[200, 301-302]`"},
      {"type: http, url: 'http://a', tls_verify: false", "2:36: warning: `tls_verify` does nothing, since the URL is not https; remove the line"},
      {"type: http, url: 'http://a', tls_ca: /x", "2:36: warning: `tls_ca` does nothing, since the URL is not https; remove the line"},
      {"type: http, url: 'https://a', tls_ca: /x, tls_verify: false", "2:37: warning: `tls_ca` does nothing beside `tls_verify: false`; remove one of them"},
      {"type: http, url: 'https://a', tls_expiry_warning: 14", "2:57: error: `tls_expiry_warning` has no unit; write `14s` for seconds or `14ms` for milliseconds"},
      {"type: http, url: 'https://a', tls_expiry_warning: 2y", "2:57: error: `tls_expiry_warning` must be a duration from 0s to 365d, written like `500ms`, `2s` or `1m`, not `2y`"},
      {"type: http, url: 'http://a', unix_socket: app.sock", "2:49: error: `unix_socket` must be an absolute path, one that begins with `/`, not `app.sock`"},
      {"type: http, url: 'http://a', http2: 2", "2:43: error: `http2` must be `true` or `false`, not `2`"},
      {"type: script", "2:3: error: check `c` has no `command`; add one, such as `command: [/usr/local/bin/check-nginx]`"},
      {"type: script, command: /bin/check  a b", "2:30: error: `command` must be a list, since no shell splits it; write `[/bin/check, a, b]`"},
      {"type: script, command: []", "2:30: error: `command` is empty; write at least one entry, such as `[/usr/local/bin/check-nginx, --quick]`"},
      {"type: script, command: [./check]", "2:31: error: the program `./check` must be an absolute path, such as `/usr/local/bin/check-nginx`, or a bare name, such as `nginx`"},
      {"type: script, command: [check, [a]]", "2:38: error: an argument in `command` must be one text, not a list"},
      {"type: script, command: [\"a\\0b\"]", "2:31: error: an argument in `command` holds a zero byte; remove it"},
      {"type: process, name: a, restart: nginx", "2:40: error: `restart` of check `c` must be a map: lines of `key: value`, indented below it"},
      {"type: process, name: a, restart: {}", "2:31: error: `restart` of check `c` has no `unit`; add one, such as `unit: nginx.service`"},
      {"type: process, name: a, restart: {unit: nginx}", "2:47: error: `unit` `nginx` lacks its type; write `nginx.service`"},
      {"type: process, name: a, restart: {unit: 'ng inx.service'}", "2:47: error: `unit` `ng inx.service` is no name of a systemd unit; write one that `systemctl list-units` shows, such as `nginx.service`"},
      {"type: process, name: a, restart: {unit: a.service, command: [a]}", "2:58: error: `restart` of check `c` has both `unit` and `command`; remove one of them"},
      {"type: process, name: a, restart: {unit: a.service, limit: 3}", "2:65: error: `limit` must be a number from 1 to 1000 and a time from 1s to 24h, such as `3 per 10m`, not `3`"},
      {"type: process, name: a, restart: {unit: a.service, limit: 0 per 1m}", "2:65: error: `limit` must be a number from 1 to 1000 and a time from 1s to 24h, such as `3 per 10m`, not `0 per 1m`"},
      {"type: process, name: a, restart: {unit: a.service, before_failover: 11m}", "2:75: error: `before_failover` must be a duration from 0s to 10m, not `11m`"},
      {"type: process, name: a, restart: {command: [a], when: crashed}", "2:55: error: `when: crashed` needs `unit`, since only systemd knows what was stopped on purpose; write `unit: nginx.service` in place of `command`, or remove the line"},
      {"type: process, name: a, restart: {unit: a.service, when: crash}", "2:64: error: `when` can't be `crash`; write `always` or `crashed`"},
      {"type: process, name: a, restart: {unit: a.service, config_test: nginx -t}", "2:71: error: `config_test` must be a list, since no shell splits it; write `[nginx, -t]`"},
      {"type: process, name: a, restart: {unit: a.service, config_test: false}", "2:71: error: `config_test` must be a list; write `[]` for no test"},
      {"type: process, name: a, restart: {unti: a.service, command: [a]}", "2:41: error: unknown key `unti` in `restart` of check `c`; did you mean `unit`?"},
  }, "checks:\n  c: {", "}\ninstances:\n  w: {interface: eth0, vrid: 1, addresses: [10.0.0.1], track: [c]}\n");
}

TEST_CASE("checks that change nothing, or the wrong thing") {
  const std::string instance = "instances:\n  w: {interface: eth0, vrid: 1, addresses: [10.0.0.1]}\n";
  const std::string tracking = "instances:\n  w: {interface: eth0, vrid: 1, addresses: [10.0.0.1], track: [c]}\n";
  CHECK(remarks("checks:\n  c: {type: process, name: a}\n" + instance) == Lines{
      "f:2:3: warning: no instance tracks check `c`, so its result changes no priority; add it to `track` of an instance"});
  const Lines asks_itself{
      "f:2:3: warning: check `c` asks the virtual address 10.0.0.1 of instance `w`, so on a backup it tests the active host; ask 127.0.0.1 or the host's own address"};
  CHECK(remarks("checks:\n  c: {type: http, url: 'http://10.0.0.1/'}\n" + tracking) == asks_itself);
  CHECK(remarks("checks:\n  c: {type: tcp, address: '10.0.0.1:80'}\n" + tracking) == asks_itself);
}

TEST_CASE("an invalid check still exists") {
  CHECK(remarks("checks:\n  c: {}\ninstances:\n  w: {interface: eth0, vrid: 1, addresses: [10.0.0.1], track: [c]}\n") == Lines{
      "f:2:3: error: check `c` has no `type`; add one, such as `type: process`"});
}

TEST_CASE("mistakes at the top") {
  check_cases({
      {"instanses: {}", "3:1: error: unknown key `instanses` in the file; did you mean `instances`?"},
      {"vrrp_script: {}", "3:1: error: unknown key `vrrp_script` in the file; write `checks:` with the check's name below it"},
      {"checks: [a]", "3:9: error: `checks` holds names, it is no list; write a name and a colon in place of the `-`, such as `nginx:`, and indent its keys below it"},
      {"node: 'a b'", "3:7: error: a node can't be called `a b`; use 1 to 64 characters without blanks, such as `web-1`"},
      {"runtime: {users: {vrrp: root}}", "3:25: error: `vrrp` can't run as `root`, which others are too; write a user of its own, such as `holdfast-vrrp`"},
      {"runtime: {users: {checker: nobody}}", "3:28: error: `checker` can't run as `nobody`, which others are too; write a user of its own, such as `holdfast-check`"},
      {"runtime: {users: {vrrp: a, checker: a}}", "3:11: error: `vrrp` and `checker` must be two users, so that neither can touch the other"},
      {"runtime: {user: {}}", "3:11: error: unknown key `user` in `runtime`; did you mean `users`?"},
      {"runtime: {users: {vrpp: a}}", "3:19: error: unknown key `vrpp` in `users`; did you mean `vrrp`?"},
  }, "instances:\n  w: {interface: eth0, vrid: 1, addresses: [10.0.0.1]}\n", "\n");
  check_cases({
      {"node: a\n", " error: the file has no `instances`; add them: `instances:`, below it a name, and below that `interface`, `vrid` and `addresses`"},
      {"instances: {}\n", "1:12: error: `instances` must hold at least one instance by name; write `web:` below it, indented, with `interface`, `vrid` and `addresses` below that"},
      {"instances:\n", "1:1: error: `instances` must hold at least one instance by name; write `web:` below it, indented, with `interface`, `vrid` and `addresses` below that"},
  }, "", "");
}
// clang-format on

TEST_CASE("all problems come in one run, in file order") {
  const Lines lines = remarks(
      "instances:\n"
      "  w:\n"
      "    interface: eth/0\n"
      "    vrid: 300\n"
      "    addresses: [nowhere]\n"
      "    track: [nginx]\n"
      "checks:\n"
      "  nginx: {type: proces}\n"
      "nodee: a\n");
  REQUIRE(lines.size() == 5);
  const Lines places{"f:3:16: error", "f:4:11: error", "f:5:17: error", "f:8:17: error", "f:9:1: error"};
  for (std::size_t i = 0; i < lines.size(); ++i) CHECK(lines[i].starts_with(places[i]));
}

TEST_CASE("a gap that no weight bridges shows beside the other nodes") {
  const auto file = [](const std::string& weight, const std::string& other) {
    return "node: a\nchecks:\n  c: {type: process, name: x}\ninstances:\n"
           "  w: {interface: eth0, vrid: 1, addresses: [10.0.0.1], track: [{check: c, weight: " +
           weight +
           "}]}\n"
           "per_node:\n  a: {instances: {w: {priority: 150}}}\n  b: {instances: {w: {priority: " +
           other + "}}}\n";
  };
  CHECK(remarks(file("-20", "100")) ==
        Lines{"f:5:3: warning: instance `w`: with all that it weighs down, a still has priority 130, not below 100 of "
              "b, so the address stays here; write larger weights than the gap between the priorities, or track "
              "without a weight"});
  CHECK(remarks(file("20", "131")).empty());
  CHECK(remarks(file("20", "130")).size() == 1);  // a tie is not below
  CHECK(remarks(file("-60", "100")).empty());
}
