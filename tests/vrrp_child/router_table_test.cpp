#include "vrrp_child/core/router_table.hpp"

#include "tests/vectors/vectors.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <string>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

constexpr int eth0 = 2;
constexpr InstanceId id{1};

struct Subject {
  explicit Subject(const vectors::Receiver& receiver) : Subject(receiver.config, receiver.local_primary) {}
  Subject(const VirtualRouterConfig& config, IpAddr source) {
    table.configure({id, config, {config.priority, Fitness::fit, ""}, {}, {}}, now, actions);
    table.set_link(id, {eth0, {true, source, ""}}, now, actions);
    actions.clear();
  }
  std::optional<Discard> receive(const vectors::Vector& vector) {
    return table.receive({eth0, {vector.source, vector.destination}, vector.ttl, vector.payload}, now, actions);
  }
  const VirtualRouter& router() { return *table.find(id); }

  TimePoint now{1000s};
  RouterTable table;
  RouterTable::Actions actions;
};

const std::map<std::string, Discard> discards = {
    {"ttl", Discard::ttl},
    {"length", Discard::length},
    {"type", Discard::type},
    {"checksum", Discard::checksum},
    {"count-zero", Discard::count_zero},
    {"interval-zero", Discard::interval_zero},
    {"vrid", Discard::unknown_vrid},
    {"destination", Discard::destination},
    {"link-local-first", Discard::link_local_first},
    {"interval", Discard::interval},
    {"address-list", Discard::address_list},
};

bool matches(const vectors::Vector& vector, Discard discard) {
  if (vector.failed_check == "version") return discard == Discard::version || discard == Discard::wrong_version;
  if (vector.failed_check == "auth") {
    return discard == Discard::auth_type || discard == Discard::auth_type_unknown || discard == Discard::auth_password;
  }
  return discards.at(vector.failed_check) == discard;
}

// Every counter by its RFC name, instance before global.
std::map<std::string, std::uint64_t> counters(Subject& subject) {
  std::map<std::string, std::uint64_t> result;
  const auto rfc_name = [](std::string name) {
    std::ranges::replace(name, '_', '-');
    return name;
  };
#define X(name) result[rfc_name(#name)] = subject.table.statistics().name;
  HOLDFAST_GLOBAL_COUNTERS(X)
#undef X
#define X(name) result[rfc_name(#name)] = subject.router().statistics().name;
  HOLDFAST_INSTANCE_COUNTERS(X)
#undef X
  return result;
}

}  // namespace

// VX-RX-01 to V3-RX-14, MG-01
TEST_CASE("every vector is accepted or discarded as the file says, and counted where it says") {
  for (const auto& vector : vectors::load().vectors) {
    INFO(vector.name);
    Subject subject(vectors::load().receivers.at(vector.receiver));
    const auto before = counters(subject);
    const auto discard = subject.receive(vector);
    CHECK(vector.accept == !discard.has_value());
    const auto after = counters(subject);
    if (vector.accept) {
      CHECK(after.at("advertisement-rcvd") == 1);
      continue;
    }
    REQUIRE(discard);
    CHECK(matches(vector, *discard));
    for (const auto& [router, action] : subject.actions) CHECK(std::holds_alternative<Conflict>(action));
    CHECK(after.at("advertisement-rcvd") == 0);
    if (vector.counter == "none") continue;
    const std::string counter = vector.counter.substr(0, vector.counter.find('('));
    CHECK(after.at(counter) == before.at(counter) + 1);
  }
}

TEST_CASE("each discard counts once and only in its own counter") {
  for (const auto& vector : vectors::load().vectors) {
    if (vector.accept) continue;
    INFO(vector.name);
    Subject subject(vectors::load().receivers.at(vector.receiver));
    subject.receive(vector);
    std::uint64_t counted = 0;
    for (const auto& [name, value] : counters(subject)) counted += value;
    CHECK(counted == 1);
  }
}

// VX-RX-06
TEST_CASE("an advert on another interface is nobody's") {
  const auto& vector = vectors::load().vectors.front();
  Subject subject(vectors::load().receivers.at(vector.receiver));
  const auto discard = subject.table.receive({eth0 + 1, {vector.source, vector.destination}, 255, vector.payload},
                                             subject.now, subject.actions);
  CHECK(discard == Discard::unknown_vrid);
  CHECK(subject.table.statistics().vrid_errors == 1);
}

// V3-RX-12
TEST_CASE("another interval is counted in version 3 and obeyed") {
  const auto& file = vectors::load();
  const auto vector = std::ranges::find(file.vectors, "v3-ip4-interval-4095", &vectors::Vector::name);
  Subject subject(file.receivers.at(vector->receiver));
  CHECK_FALSE(subject.receive(*vector));
  CHECK(subject.router().statistics().interval_errors == 1);
  CHECK(subject.table.next_deadline() == subject.now + 3 * 40950ms + Duration(40950ms) * 156 / 256);
}

// V2-RX-13
TEST_CASE("an owner's other address list is obeyed and counted in version 2") {
  const auto& file = vectors::load();
  const auto vector = std::ranges::find(file.vectors, "v2-list-mismatch-owner", &vectors::Vector::name);
  Subject subject(file.receivers.at(vector->receiver));
  CHECK_FALSE(subject.receive(*vector));
  CHECK(subject.router().statistics().address_list_errors == 1);
}

TEST_CASE("an address list in another order is the same list") {
  auto config = vectors::load().receivers.at("v3_ipv4").config;
  std::swap(config.addresses[0], config.addresses[1]);
  Subject subject(config, IpAddr::v4(192, 0, 2, 3));
  const auto& file = vectors::load();
  const auto vector = std::ranges::find(file.vectors, "v3-ip4-pseudo", &vectors::Vector::name);
  CHECK_FALSE(subject.receive(*vector));
  CHECK(subject.router().statistics().address_list_errors == 0);
}

TEST_CASE("another password is refused and counted") {
  auto config = vectors::load().receivers.at("v2").config;
  config.password = "1111";
  Subject subject(config, IpAddr::v4(192, 0, 2, 3));
  const auto& file = vectors::load();
  const auto vector = std::ranges::find(file.vectors, "v2-auth1-password", &vectors::Vector::name);
  CHECK(subject.receive(*vector) == Discard::auth_password);
  CHECK(subject.router().statistics().auth_failures == 1);
}

TEST_CASE("an advert is encoded again when the priority or the source changes") {
  Subject subject(vectors::load().receivers.at("v3_ipv4"));
  VirtualRouter& router = *subject.table.find(id);
  const auto copy = [](const std::vector<AdvertPacket>& packets) { return packets.at(0).bytes; };
  const auto first = copy(router.advert_to_send(Priority{100}));
  CHECK(copy(router.advert_to_send(Priority{100})) == first);
  CHECK(copy(router.advert_to_send(Priority{0})) != first);
  subject.table.set_link(id, {eth0, {true, IpAddr::v4(192, 0, 2, 4), ""}}, subject.now, subject.actions);
  CHECK(copy(router.advert_to_send(Priority{100})) != first);  // the pseudo-header is part of the sum
  router.count_sent(Priority{100});
  router.count_sent(Priority{0});
  CHECK(router.statistics().advertisement_sent == 2);
  CHECK(router.statistics().priority_zero_pkts_sent == 1);
}

TEST_CASE("many routers: all due at once leave together, in one run") {
  RouterTable table;
  RouterTable::Actions actions;
  TimePoint now{1000s};
  for (std::uint32_t i = 1; i <= 255; ++i) {
    VirtualRouterConfig config = vectors::load().receivers.at("v3_ipv4").config;
    config.vrid = Vrid{static_cast<std::uint8_t>(i)};
    config.advert_interval = 10ms;
    table.configure({InstanceId{i}, config, {Priority{100}, Fitness::fit, ""}, {}, {}}, now, actions);
    table.set_link(InstanceId{i}, {eth0, {true, IpAddr::v4(192, 0, 2, 3), ""}}, now, actions);
  }
  now = table.next_deadline();
  table.run_timers(now, actions);  // all take over
  actions.clear();
  now = table.next_deadline();
  table.run_timers(now, actions);
  const auto adverts = std::ranges::count_if(
      actions, [](const auto& entry) { return std::holds_alternative<SendAdvert>(entry.action); });
  CHECK(adverts == 255);
  CHECK(table.next_deadline() > now);
}

TEST_CASE("an unchanged configuration changes nothing") {
  const auto& receiver = vectors::load().receivers.at("v3_ipv4");
  Subject subject(receiver);
  const TimePoint due = subject.table.next_deadline();
  subject.now += 1s;
  const ConfigureInstance same{id, receiver.config, {receiver.config.priority, Fitness::fit, ""}, {}, {}};
  CHECK_FALSE(subject.table.is_replaced_by(same));
  subject.table.configure(same, subject.now, subject.actions);
  subject.table.set_link(id, {eth0, {true, receiver.local_primary, ""}}, subject.now, subject.actions);
  CHECK(subject.actions.empty());
  CHECK(subject.table.next_deadline() == due);
}

TEST_CASE("another VRID, interface or version is another virtual router") {
  const auto& receiver = vectors::load().receivers.at("v3_ipv4");
  Subject subject(receiver);
  ConfigureInstance wanted{id, receiver.config, {}, {}, {}};
  SECTION("VRID") { wanted.router.vrid = Vrid{21}; }
  SECTION("interface") { wanted.router.interface = "eth1"; }
  SECTION("version") { wanted.router.version = VrrpVersion::v2; }
  CHECK(subject.table.is_replaced_by(wanted));
}

TEST_CASE("a router that was erased hears nothing and is never due") {
  const auto& vector = vectors::load().vectors.front();
  Subject subject(vectors::load().receivers.at(vector.receiver));
  subject.table.shut_down(id, subject.now, subject.actions);
  subject.table.erase(id);
  CHECK(subject.table.next_deadline() == DeadlineHeap::never);
  CHECK(subject.receive(vector) == Discard::unknown_vrid);
}

// ---- conflicts ----

TEST_CASE("what is wrong with another router is told at once, then rarely, and never goes quiet") {
  auto config = vectors::load().receivers.at("v2").config;
  config.password = "1111";
  Subject subject(config, IpAddr::v4(192, 0, 2, 3));
  const auto& file = vectors::load();
  const auto vector = std::ranges::find(file.vectors, "v2-auth1-password", &vectors::Vector::name);
  std::vector<int> told;
  for (int second = 0; second < 4000; ++second) {
    subject.actions.clear();
    subject.receive(*vector);
    if (!subject.actions.empty()) told.push_back(second);
    subject.now += 1s;
  }
  CHECK(told == std::vector<int>{0, 60, 180, 420, 900, 1860, 3780});
  const auto conflicts = subject.router().conflicts(subject.now);
  REQUIRE(conflicts.size() == 1);
  CHECK(conflicts[0].conflict.kind == ConflictKind::password);
  CHECK(conflicts[0].count == 4000);
  CHECK(subject.router().conflicts(subject.now + 60s).empty());
}

TEST_CASE("what comes from our own address is dropped, counted and told", "[VX-TX-05]") {
  const auto& file = vectors::load();
  const auto vector = std::ranges::find(file.vectors, "v3-ip4-pseudo", &vectors::Vector::name);
  Subject subject(file.receivers.at("v3_ipv4").config, vector->source);
  CHECK(subject.receive(*vector) == Discard::own_source);
  CHECK(subject.router().statistics().own_source_rcvd == 1);
  CHECK(subject.router().statistics().advertisement_rcvd == 0);
}

TEST_CASE("interfaces that swap their names leave no router deaf") {
  RouterTable table;
  RouterTable::Actions actions;
  const TimePoint now{1000s};
  const auto& file = vectors::load();
  const auto vector = std::ranges::find(file.vectors, "v3-ip4-pseudo", &vectors::Vector::name);
  for (std::uint32_t i : {1u, 2u}) {
    table.configure({InstanceId{i}, file.receivers.at("v3_ipv4").config, {Priority{100}, Fitness::fit, ""}, {}, {}},
                    now, actions);
    table.set_link(InstanceId{i}, {static_cast<int>(i), {true, IpAddr::v4(192, 0, 2, 3), ""}}, now, actions);
  }
  table.set_link(InstanceId{1}, {2, {true, IpAddr::v4(192, 0, 2, 3), ""}}, now, actions);
  table.set_link(InstanceId{2}, {1, {true, IpAddr::v4(192, 0, 2, 3), ""}}, now, actions);
  for (int interface : {1, 2}) {
    CHECK_FALSE(table.receive({interface, {vector->source, vector->destination}, 255, vector->payload}, now, actions));
  }
}

// V3-RX-09: the order of the list is the peers' own affair, unless the configuration says otherwise.
TEST_CASE("an IPv6 list that does not start with a link-local address is counted, and obeyed by default") {
  const auto& file = vectors::load();
  auto config = file.receivers.at("v3_ipv6").config;
  const auto vector = std::ranges::find(file.vectors, "v3-ip6-global-first", &vectors::Vector::name);
  config.require_link_local_first = false;
  Subject subject(config, file.receivers.at("v3_ipv6").local_primary);
  CHECK_FALSE(subject.receive(*vector));
  CHECK(subject.router().statistics().link_local_first_errors == 1);
  CHECK(subject.router().statistics().advertisement_rcvd == 1);
}

// V3-RX-07
TEST_CASE("an advert without addresses is for those who advertise none") {
  const auto& file = vectors::load();
  auto config = file.receivers.at("v3_ipv4").config;
  const auto vector = std::ranges::find(file.vectors, "v3-ip4-count0", &vectors::Vector::name);
  REQUIRE(vector != file.vectors.end());
  CHECK(Subject(config, IpAddr::v4(192, 0, 2, 3)).receive(*vector) == Discard::count_zero);
  config.addresses.clear();
  CHECK_FALSE(Subject(config, IpAddr::v4(192, 0, 2, 3)).receive(*vector));
}

// ---- unicast ----

namespace {

// An advert of a router configured alike, at `source`, to `destination`.
std::vector<std::uint8_t> advert_of(const VirtualRouterConfig& config, VrrpVersion version, int priority,
                                    const Envelope& envelope) {
  std::vector<std::uint8_t> bytes;
  encode_advert(config, version, Priority{static_cast<std::uint8_t>(priority)}, envelope, bytes);
  return bytes;
}

const IpAddr us = IpAddr::v4(192, 0, 2, 3);
const IpAddr peer = IpAddr::v4(192, 0, 2, 2);
const IpAddr stranger = IpAddr::v4(192, 0, 2, 9);

}  // namespace

TEST_CASE("unicast: one packet for each peer, with a checksum for its address") {
  auto config = vectors::load().receivers.at("v3_ipv4").config;
  config.peers = {peer, stranger};
  Subject subject(config, us);
  const auto packets = subject.table.find(id)->advert_to_send(Priority{100});
  REQUIRE(packets.size() == 2);
  for (std::size_t i : {0u, 1u}) {
    CHECK(packets[i].envelope.source == us);
    CHECK(packets[i].envelope.destination == config.peers[i]);
    const auto advert = decode_advert(packets[i].bytes, packets[i].envelope);
    REQUIRE(advert);
    CHECK(advert->checksum_form == ChecksumForm::rfc5798);
  }
}

TEST_CASE("unicast: only peers are heard, and only what was sent to us with TTL 255") {
  auto config = vectors::load().receivers.at("v3_ipv4").config;
  config.peers = {peer};
  Subject subject(config, us);
  const auto receive = [&](const IpAddr& source, const IpAddr& destination, int ttl) {
    const Envelope envelope{source, destination};
    const auto bytes = advert_of(config, VrrpVersion::v3, 150, envelope);
    return subject.table.receive({eth0, envelope, ttl, bytes}, subject.now, subject.actions);
  };
  CHECK(receive(stranger, us, 255) == Discard::stranger);
  CHECK(subject.router().statistics().peer_errors == 1);
  CHECK(receive(peer, vrrp_group_v4, 255) == Discard::destination);
  CHECK(receive(stranger, us, 64) == Discard::ttl);
  CHECK(receive(peer, us, -1) == Discard::ttl);
  const auto told = [&] {
    std::vector<Conflict> conflicts;
    for (const auto& entry : subject.router().conflicts(subject.now)) conflicts.push_back(entry.conflict);
    return conflicts;
  };
  const Conflict no_peer{ConflictKind::not_a_peer, stranger, Priority{150}, true};
  const Conflict elsewhere{ConflictKind::destination, peer, Priority{150}, true};
  CHECK(told() == std::vector{no_peer, elsewhere});
  CHECK(receive(peer, us, 254) == Discard::ttl);
  CHECK(told() == std::vector{{ConflictKind::hop_limit, peer, {}, true, 254}, no_peer, elsewhere});
  CHECK_FALSE(receive(peer, us, 255));
  CHECK(subject.router().last_advert_source() == peer);
}

// ---- versions 2 and 3 side by side (RFC 9568, 8.4.2) ----

TEST_CASE("mixed versions: every advert goes out in both, each well-formed", "[VX-IX-01]") {
  auto config = vectors::load().receivers.at("v3_ipv4").config;
  config.mixed_versions = true;
  Subject subject(config, us);
  const auto packets = subject.table.find(id)->advert_to_send(Priority{100});
  REQUIRE(packets.size() == 2);
  const auto newer = decode_advert(packets[0].bytes, packets[0].envelope);
  const auto older = decode_advert(packets[1].bytes, packets[1].envelope);
  REQUIRE((newer && older));
  CHECK(newer->version == VrrpVersion::v3);
  CHECK(older->version == VrrpVersion::v2);
  CHECK(older->interval == 1s);
}

TEST_CASE("who speaks both versions is heard in ours, and not blamed for the other", "[VX-IX-01]") {
  const auto config = vectors::load().receivers.at("v3_ipv4").config;
  Subject subject(config, us);
  const Envelope envelope{peer, vrrp_group_v4};
  const auto receive = [&](VrrpVersion version) {
    const auto bytes = advert_of(config, version, 150, envelope);
    return subject.table.receive({eth0, envelope, 255, bytes}, subject.now, subject.actions);
  };
  CHECK_FALSE(receive(VrrpVersion::v3));
  CHECK(receive(VrrpVersion::v2) == Discard::wrong_version);
  CHECK(subject.router().conflicts(subject.now).empty());
  subject.now += 10s;
  CHECK(receive(VrrpVersion::v2) == Discard::wrong_version);
  CHECK(subject.router().conflicts(subject.now).size() == 1);
}

TEST_CASE("mixed versions: a password or an interval of zero is no reason to obey", "[VX-IX-01][V2-RX-10]") {
  auto config = vectors::load().receivers.at("v3_ipv4").config;
  config.mixed_versions = true;
  auto older = config;
  SECTION("password") { older.password = "1111"; }
  SECTION("interval") { older.advert_interval = 0s; }
  Subject subject(config, us);
  const Envelope envelope{peer, vrrp_group_v4};
  const auto bytes = advert_of(older, VrrpVersion::v2, 150, envelope);
  const auto discard = subject.table.receive({eth0, envelope, 255, bytes}, subject.now, subject.actions);
  CHECK(discard == (older.password ? Discard::auth_type : Discard::interval_zero));
}

TEST_CASE("mixed versions: a router of version 2 is obeyed with its seconds, until it speaks version 3", "[VX-IX-01]") {
  auto config = vectors::load().receivers.at("v3_ipv4").config;
  config.mixed_versions = true;
  auto older = config;
  older.advert_interval = 2s;
  Subject subject(config, us);
  const Envelope envelope{peer, vrrp_group_v4};
  const auto receive = [&](const VirtualRouterConfig& sender, VrrpVersion version) {
    const auto bytes = advert_of(sender, version, 150, envelope);
    return subject.table.receive({eth0, envelope, 255, bytes}, subject.now, subject.actions);
  };
  CHECK_FALSE(receive(older, VrrpVersion::v2));
  CHECK(subject.table.next_deadline() == subject.now + 3 * 2s + Duration(2s) * 156 / 256);
  CHECK_FALSE(receive(config, VrrpVersion::v3));
  CHECK(receive(older, VrrpVersion::v2) == Discard::superseded);
  CHECK(subject.table.next_deadline() == subject.now + 3 * 1s + Duration(1s) * 156 / 256);
  subject.now += 10s;
  CHECK_FALSE(receive(older, VrrpVersion::v2));
}

TEST_CASE("a host outside VRRP that answers for an address is told, a rival within it is told as that") {
  Subject subject(vectors::load().receivers.at("v3_ipv4").config, us);
  subject.now = subject.table.next_deadline();
  subject.table.run_timers(subject.now, subject.actions);
  const MacAddress theirs = {2, 0, 0, 0, 0, 9};
  const auto taken = [&] {
    subject.table.address_taken(id, IpAddr::v4(192, 0, 2, 1), theirs, subject.now, subject.actions);
    return subject.router().statistics().address_conflicts;
  };
  CHECK(taken() == 1);
  const auto conflicts = subject.router().conflicts(subject.now);
  REQUIRE(conflicts.size() == 1);
  CHECK(conflicts[0].conflict.kind == ConflictKind::address_taken);
  CHECK(conflicts[0].conflict.mac == theirs);

  subject.now += 1s;
  subject.table.run_timers(subject.now, subject.actions);
  const Envelope envelope{peer, vrrp_group_v4};
  const auto bytes = advert_of(subject.router().config(), VrrpVersion::v3, 90, envelope);
  CHECK_FALSE(subject.table.receive({eth0, envelope, 255, bytes}, subject.now, subject.actions));
  CHECK(subject.router().statistics().conflicts == 1);
  CHECK(taken() == 1);
}

// ---- sync groups ----

namespace {

// Two members of a group on two interfaces; the first one leads.
struct Group {
  Group() {
    for (const InstanceId each : {leader, follower}) {
      auto config = vectors::load().receivers.at("v3_ipv4").config;
      config.name = each == leader ? "first" : "second";
      table.configure({each, config, {Priority{100}, Fitness::fit, ""}, {}, leader_of(each)}, now, actions);
    }
  }
  static std::optional<InstanceId> leader_of(InstanceId each) {
    return each == follower ? std::optional(leader) : std::nullopt;
  }
  void link(InstanceId each, bool usable) {
    table.set_link(each, {interface_of(each), {usable, us, usable ? "" : "the cable is out"}}, now, actions);
  }
  void hear(InstanceId each, int priority) {
    const Envelope envelope{peer, vrrp_group_v4};
    const auto bytes = advert_of(table.find(each)->config(), VrrpVersion::v3, priority, envelope);
    CHECK_FALSE(table.receive({interface_of(each), envelope, 255, bytes}, now, actions));
  }
  void pass(Duration duration) {
    const TimePoint end = now + duration;
    while (table.next_deadline() <= end) {
      now = table.next_deadline();
      table.run_timers(now, actions);
    }
    now = end;
  }
  void become_active() {
    link(leader, true), link(follower, true);
    now = table.next_deadline();
    table.run_timers(now, actions);
    REQUIRE(states() == both(InstanceState::active));
    actions.clear();
  }
  static int interface_of(InstanceId each) { return eth0 + static_cast<int>(each.value); }
  std::pair<InstanceState, InstanceState> states() {
    return {table.find(leader)->machine().state(), table.find(follower)->machine().state()};
  }
  static std::pair<InstanceState, InstanceState> both(InstanceState state) { return {state, state}; }
  std::size_t adverts(InstanceId each, Priority priority) {
    return static_cast<std::size_t>(std::ranges::count_if(actions, [&](const auto& entry) {
      const auto* advert = std::get_if<SendAdvert>(&entry.action);
      return entry.id == each && advert && advert->priority == priority;
    }));
  }

  static constexpr InstanceId leader{1}, follower{2};
  TimePoint now{1000s};
  RouterTable table;
  RouterTable::Actions actions;
};

}  // namespace

TEST_CASE("a sync group starts when all its links are known, and takes part with all of them or not at all") {
  Group group;
  group.link(Group::leader, true);
  CHECK(group.states() == Group::both(InstanceState::initialize));
  group.link(Group::follower, false);
  CHECK(group.states() == Group::both(InstanceState::fault));
  CHECK(group.table.find(Group::leader)->machine().reason().problem == "second of the sync group: the cable is out");
  group.link(Group::follower, true);
  CHECK(group.states() == Group::both(InstanceState::backup));
  group.become_active();
  group.link(Group::follower, false);
  CHECK(group.states() == Group::both(InstanceState::fault));
  CHECK(group.adverts(Group::leader, resigning_priority) == 1);
}

TEST_CASE("the leader of a sync group elects, the others go where it goes") {
  Group group;
  group.become_active();
  group.pass(10s);
  group.hear(Group::follower, 100);  // a tie that its own address would lose
  CHECK(group.states() == Group::both(InstanceState::active));
  CHECK(group.table.find(Group::follower)->statistics().conflicts == 1);
  SECTION("by what it hears itself") { group.hear(Group::leader, 200); }
  SECTION("by what another member hears, where its own network is broken") {
    group.hear(Group::follower, 200);
    for (int second = 0; second < 20; ++second) {
      group.pass(1s);
      group.hear(Group::follower, 200);
    }
  }
  CHECK(group.states() == Group::both(InstanceState::backup));
  CHECK(group.table.find(Group::follower)->machine().deadline() == StateMachine::never);
}

TEST_CASE("members of a group that differ in priority are no measure for the leader") {
  Group group;
  group.table.set_standing(Group::follower, {Priority{50}, Fitness::fit, ""}, group.now, group.actions);
  group.become_active();
  group.pass(10s);
  group.hear(Group::follower, 70);
  CHECK(group.states() == Group::both(InstanceState::active));
}

// An advert a second late, and nobody else on the wire: the leader listens, the others with it.
TEST_CASE("a sync group that slept listens as one") {
  Group group;
  group.become_active();
  group.pass(10s);
  group.actions.clear();
  group.now += 10s;
  group.table.run_timers(group.now, group.actions);
  CHECK(group.adverts(Group::leader, Priority{100}) == 0);
  CHECK(group.adverts(Group::follower, Priority{100}) == 0);
  group.pass(2s);
  CHECK(group.adverts(Group::leader, Priority{100}) > 0);
  CHECK(group.adverts(Group::follower, Priority{100}) > 0);
}

TEST_CASE("a sync group that loses its leader to a reload stays active under the next one") {
  Group group;
  group.become_active();
  const auto config = group.table.find(Group::follower)->config();
  SECTION("the member that is left decides for itself") {
    group.table.configure({Group::follower, config, {Priority{100}, Fitness::fit, ""}, {}, {}}, group.now,
                          group.actions);
    group.table.shut_down(Group::leader, group.now, group.actions);
    group.table.erase(Group::leader);
  }
  SECTION("another one takes its place") {
    constexpr InstanceId next{3};
    group.table.configure({Group::follower, config, {Priority{100}, Fitness::fit, ""}, {}, next}, group.now,
                          group.actions);
    group.table.shut_down(Group::leader, group.now, group.actions);
    group.table.erase(Group::leader);
    auto other = config;
    other.vrid = Vrid{99};
    group.table.configure({next, other, {Priority{100}, Fitness::fit, ""}, {}, {}}, group.now, group.actions);
    group.table.set_link(next, {eth0, {true, us, ""}}, group.now, group.actions);
    CHECK(group.table.find(next)->machine().state() == InstanceState::active);
  }
  group.pass(10s);
  CHECK(group.table.find(Group::follower)->machine().state() == InstanceState::active);
  CHECK(group.table.find(Group::follower)->statistics().master_transitions == 1);
}

TEST_CASE("a sync group hands over as one") {
  Group group;
  group.become_active();
  group.table.leave(Group::follower, group.now, group.actions);
  group.table.leave(Group::leader, group.now, group.actions);
  CHECK(group.adverts(Group::leader, resigning_priority) == 1);
  CHECK(group.adverts(Group::follower, resigning_priority) == 1);
  CHECK(group.states() == Group::both(InstanceState::active));  // until somebody answers, or nobody does
  SECTION("answered") { group.hear(Group::leader, 90); }
  SECTION("unanswered") {
    group.pass(10s);
    CHECK(group.adverts(Group::follower, resigning_priority) == 3);
  }
  CHECK(group.states() == Group::both(InstanceState::initialize));
}

TEST_CASE("a member that leaves its sync group elects for itself again") {
  Group group;
  group.link(Group::leader, true), group.link(Group::follower, true);
  CHECK(group.table.find(Group::follower)->machine().deadline() == StateMachine::never);
  const auto config = group.table.find(Group::follower)->config();
  group.table.configure({Group::follower, config, {Priority{100}, Fitness::fit, ""}, {}, {}}, group.now, group.actions);
  CHECK(group.table.find(Group::follower)->machine().deadline() != StateMachine::never);
  group.pass(1s);
  group.hear(Group::leader, 200);
  group.pass(3s);
  CHECK(group.states() == std::pair(InstanceState::backup, InstanceState::active));
}
