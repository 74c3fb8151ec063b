#include "common/codec.hpp"

#include "common/bytes.hpp"

#include <concepts>
#include <type_traits>
#include <utility>

namespace holdfast {
namespace {

// ---- the fields of each type, once for both directions ----
// clang-format off

template <class T, class U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

template <class V> void fields(V& v, Is<BeginConfig> auto& m) { v(m.generation); }
template <class V> void fields(V& v, Is<CommitConfig> auto& m) { v(m.generation); }
template <class V> void fields(V& v, Is<ConfigApplied> auto& m) { v(m.generation); }
template <class V> void fields(V& v, Is<Ping> auto& m) { v(m.serial); }
template <class V> void fields(V& v, Is<Pong> auto& m) { v(m.serial); }
template <class V> void fields(V& v, Is<RequestReports> auto& m) { v(m.serial); }
template <class V> void fields(V& v, Is<ReportsDone> auto& m) { v(m.serial); }
template <class V> void fields(V& v, Is<ChildReady> auto& m) { v(m.capabilities); }
template <class V> void fields(V& v, Is<Logged> auto& m) { v(m.level, m.text); }
template <class V> void fields(V&, Is<Shutdown> auto&) {}

template <class V> void fields(V& v, Is<ConfigureInstance> auto& m) { v(m.id, m.router, m.standing, m.was_active_at, m.leader); }
template <class V> void fields(V& v, Is<WatchInterface> auto& m) { v(m.name); }
template <class V> void fields(V& v, Is<SetPriority> auto& m) { v(m.id, m.standing); }
template <class V> void fields(V& v, Is<StateChanged> auto& m) { v(m.id, m.from, m.to, m.reason, m.priority, m.at); }
template <class V> void fields(V& v, Is<DrainEnded> auto& m) { v(m.id, m.away); }
template <class V> void fields(V& v, Is<ConflictSeen> auto& m) { v(m.id, m.peer, m.text); }
template <class V> void fields(V& v, Is<InterfaceChanged> auto& m) { v(m.name, m.up, m.detail); }
template <class V> void fields(V& v, Is<ConflictReport> auto& m) { v(m.kind, m.peer, m.since, m.last, m.count, m.text); }
template <class V> void fields(V& v, Is<AddressReport> auto& m) { v(m.address, m.present, m.problem); }
template <class V> void fields(V& v, Is<InstanceReport> auto& m) {
  v(m.id, m.state, m.since, m.reason, m.priority, m.active_router, m.active_priority, m.handing_over, m.addresses,
    m.conflicts, m.last_advert_source, m.up_since, m.active_down_interval, m.skew_time, m.last_event,
    m.new_master_reason, m.statistics);
}
template <class V> void fields(V& v, Is<GlobalReport> auto& m) { v(m.statistics); }

template <class V> void fields(V& v, Is<ConfigureCheck> auto& m) { v(m.id, m.check); }
template <class V> void fields(V& v, Is<ProbeNow> auto& m) { v(m.id); }
template <class V> void fields(V& v, Is<ScriptFinished> auto& m) { v(m.id, m.run, m.ok, m.detail, m.took); }
template <class V> void fields(V& v, Is<HealthChanged> auto& m) { v(m.id, m.status, m.detail, m.at); }
template <class V> void fields(V& v, Is<RunScript> auto& m) { v(m.id, m.run); }
template <class V> void fields(V& v, Is<CheckReport> auto& m) {
  v(m.id, m.status, m.since, m.detail, m.runs, m.failures, m.latency);
}

template <class V> void fields(V& v, Is<VirtualAddress> auto& m) {
  v(m.prefix, m.interface, m.label, m.scope, m.advertised);
}
template <class V> void fields(V& v, Is<AnnounceConfig> auto& m) { v(m.count, m.repeat_after, m.refresh); }
template <class V> void fields(V& v, Is<VirtualRouterConfig> auto& m) {
  v(m.name, m.interface, m.vrid, m.version, m.family, m.priority, m.advert_interval, m.mixed_versions, m.password,
    m.checksum,
    m.preempt, m.preempt_delay, m.return_after, m.timers, m.lease, m.announce, m.peers, m.source,
    m.virtual_mac, m.require_link_local_first, m.addresses);
}
template <class V> void fields(V& v, Is<Standing> auto& m) { v(m.priority, m.fitness, m.reason); }
template <class V> void fields(V& v, Is<CheckSpec> auto& m) {
  v(m.name, m.probe, m.interval, m.timeout, m.rise, m.fall);
}
template <class V> void fields(V& v, Is<ProcessProbe> auto& m) { v(m.pid_file, m.name); }
template <class V> void fields(V& v, Is<TcpProbe> auto& m) { v(m.host, m.port, m.send, m.expect); }
template <class V> void fields(V& v, Is<HttpProbe> auto& m) {
  v(m.url, m.host, m.status, m.body, m.tls_verify, m.tls_ca, m.tls_expiry_warning, m.http2, m.unix_socket,
    m.proxy_protocol);
}
template <class V> void fields(V&, Is<ScriptProbe> auto&) {}
template <class V> void fields(V& v, Is<NginxProbe> auto& m) { v(m.pid_file, m.page, m.stub_status); }
template <class V> void fields(V& v, Is<FileProbe> auto& m) { v(m.path, m.invert); }
template <class V> void fields(V& v, Is<IpPrefix> auto& m) { v(m.address, m.length); }
template <class V> void fields(V& v, Is<InstanceStatistics> auto& m) {
#define X(name) v(m.name);
  HOLDFAST_INSTANCE_COUNTERS(X)
#undef X
}
template <class V> void fields(V& v, Is<GlobalStatistics> auto& m) {
#define X(name) v(m.name);
  HOLDFAST_GLOBAL_COUNTERS(X)
#undef X
}

// clang-format on

// ---- enumerations: which values exist ----

constexpr bool exists(InstanceState v) { return v <= InstanceState::fault; }
constexpr bool exists(CheckStatus v) { return v <= CheckStatus::down; }
constexpr bool exists(LogLevel v) { return v <= LogLevel::debug; }
constexpr bool exists(IpFamily v) { return v == IpFamily::ipv4 || v == IpFamily::ipv6; }
constexpr bool exists(VrrpVersion v) { return v == VrrpVersion::v2 || v == VrrpVersion::v3; }
constexpr bool exists(ChecksumForm v) { return v <= ChecksumForm::rfc9568; }
constexpr bool exists(TimerMode v) { return v <= TimerMode::rfc; }
constexpr bool exists(AddressScope v) { return v <= AddressScope::host; }
constexpr bool exists(Fitness v) { return v <= Fitness::drained; }

template <class T>
concept Integer = std::unsigned_integral<T> && !std::same_as<T, bool>;
template <class T>
concept Enumeration = std::is_enum_v<T>;

// ---- writing ----

class Encoder {
 public:
  explicit Encoder(std::vector<std::uint8_t>& out) : out_(out) {}

  template <class... T>
  void operator()(const T&... values) {
    (put(values), ...);
  }

 private:
  void put(bool v) { out_.u8(v ? 1 : 0); }
  template <Integer T>
  void put(T v) {
    if constexpr (sizeof(T) == 1)
      out_.u8(v);
    else if constexpr (sizeof(T) == 2)
      out_.u16(v);
    else if constexpr (sizeof(T) == 4)
      out_.u32(v);
    else
      out_.u64(v);
  }
  template <Enumeration T>
  void put(T v) {
    put(static_cast<std::underlying_type_t<T>>(v));
  }
  template <class Tag, class Rep>
  void put(const Strong<Tag, Rep>& v) {
    put(v.value);
  }
  void put(Duration v) { out_.u64(static_cast<std::uint64_t>(v.count())); }
  void put(TimePoint v) { put(v.time_since_epoch()); }
  void put(const std::string& v) {
    out_.u32(static_cast<std::uint32_t>(v.size()));
    out_.bytes({reinterpret_cast<const std::uint8_t*>(v.data()), v.size()});
  }
  void put(const IpAddr& v) {
    put(v.family());
    out_.bytes(v.bytes());
  }
  template <class T>
  void put(const std::optional<T>& v) {
    put(v.has_value());
    if (v) put(*v);
  }
  template <class A, class B>
  void put(const std::pair<A, B>& v) {
    put(v.first), put(v.second);
  }
  template <class T>
  void put(const std::vector<T>& v) {
    out_.u32(static_cast<std::uint32_t>(v.size()));
    for (const T& item : v) put(item);
  }
  template <class... T>
  void put(const std::variant<T...>& v) {
    out_.u8(static_cast<std::uint8_t>(v.index()));
    std::visit([this](const auto& m) { this->put(m); }, v);
  }
  template <class T>
  void put(const T& v) requires requires(Encoder& e) {
    fields(e, v);
  }
  { fields(*this, v); }

  ByteWriter out_;
};

// ---- reading ----

class Decoder {
 public:
  explicit Decoder(std::span<const std::uint8_t> bytes) : in_(bytes) {}

  bool complete() const { return !in_.failed() && in_.remaining() == 0; }

  template <class... T>
  void operator()(T&... values) {
    (get(values), ...);
  }

 private:
  void get(bool& v) {
    const auto byte = in_.u8();
    if (byte > 1) in_.fail();
    v = byte == 1;
  }
  template <Integer T>
  void get(T& v) {
    if constexpr (sizeof(T) == 1)
      v = in_.u8();
    else if constexpr (sizeof(T) == 2)
      v = in_.u16();
    else if constexpr (sizeof(T) == 4)
      v = in_.u32();
    else
      v = in_.u64();
  }
  template <Enumeration T>
  void get(T& v) {
    std::underlying_type_t<T> number{};
    get(number);
    if (exists(static_cast<T>(number)))
      v = static_cast<T>(number);
    else
      in_.fail();
  }
  template <class Tag, class Rep>
  void get(Strong<Tag, Rep>& v) {
    get(v.value);
  }
  void get(Duration& v) { v = Duration(static_cast<Duration::rep>(in_.u64())); }
  void get(TimePoint& v) {
    Duration since{};
    get(since);
    v = TimePoint(since);
  }
  void get(std::string& v) {
    const auto bytes = in_.take(in_.u32());
    v.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void get(IpAddr& v) {
    IpFamily family{};
    get(family);
    v = IpAddr::from_bytes(in_.take(family == IpFamily::ipv4 ? 4 : 16));
  }
  template <class T>
  void get(std::optional<T>& v) {
    bool present{};
    get(present);
    v.reset();
    if (present && !in_.failed()) get(v.emplace());
  }
  template <class A, class B>
  void get(std::pair<A, B>& v) {
    get(v.first), get(v.second);
  }
  template <class T>
  void get(std::vector<T>& v) {
    const std::uint32_t count = in_.u32();
    v.clear();
    // No reserve: the count is the sender's claim. Every item takes at least one byte, so this ends.
    for (std::uint32_t i = 0; i < count && !in_.failed(); ++i) get(v.emplace_back());
  }
  template <class... T>
  void get(std::variant<T...>& v) {
    get_alternative(v, in_.u8(), std::index_sequence_for<T...>{});
  }
  template <class... T, std::size_t... I>
  void get_alternative(std::variant<T...>& v, std::uint8_t tag, std::index_sequence<I...>) {
    if (tag >= sizeof...(T)) return in_.fail();
    ((tag == I ? get(v.template emplace<I>()) : void()), ...);
  }
  template <class T>
  void get(T& v) requires requires(Decoder& d) {
    fields(d, v);
  }
  { fields(*this, v); }

  ByteReader in_;
};

}  // namespace

template <class Variant>
void encode(const Variant& message, std::vector<std::uint8_t>& out) {
  Encoder{out}(message);
}

template <class Variant>
std::optional<Variant> decode(std::span<const std::uint8_t> bytes) {
  std::optional<Variant> message(std::in_place);
  Decoder decoder(bytes);
  decoder(*message);
  if (!decoder.complete()) message.reset();
  return message;
}

#define INSTANTIATE(Direction)                                        \
  template void encode(const Direction&, std::vector<std::uint8_t>&); \
  template std::optional<Direction> decode(std::span<const std::uint8_t>);
INSTANTIATE(ParentToVrrp)
INSTANTIATE(VrrpToParent)
INSTANTIATE(ParentToChecker)
INSTANTIATE(CheckerToParent)
#undef INSTANTIATE

}  // namespace holdfast
