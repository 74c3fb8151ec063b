#include "common/config/unicast.hpp"

#include "common/config/host_address.hpp"
#include "common/ip_text.hpp"

#include <algorithm>

namespace holdfast {

namespace {

constexpr std::size_t most_peers = 255;

class Reader {
 public:
  Reader(Problems& problems, const std::vector<PlacedAddress>& addresses, Priority priority)
      : problems_(problems), addresses_(addresses), priority_(priority) {
    if (!addresses.empty()) family_ = addresses.front().address.prefix.address.family();
  }

  std::optional<IpAddr> source(const YamlNode& node, bool is_multicast) {
    const auto source = read_host_address(problems_, node, "`source`", example());
    if (!source || !fits(node, *source)) return std::nullopt;
    if (is_virtual(*source) && priority_ != owner_priority) {
      problems_.error(node.place,
                      "`source` is one of the virtual addresses, which a backup does not have; write the "
                      "own address of this host's interface");
      return std::nullopt;
    }
    if (is_multicast && source->family() == IpFamily::ipv6 && !source->is_link_local()) {
      problems_.error(node.place,
                      "IPv6 adverts to the multicast group come from a link-local address; write the one "
                      "that begins with `fe80:` on this host's interface, or add `peers`");
      return std::nullopt;
    }
    return source;
  }

  std::vector<IpAddr> peers(const YamlNode& node, const std::optional<IpAddr>& source) {
    std::vector<IpAddr> peers;
    const auto* items = read_list(problems_, node, "`peers`", "[" + std::string(example()) + "]");
    if (items == nullptr) return peers;
    if (items->size() > most_peers) {
      problems_.error(node.place, "more than " + std::to_string(most_peers) +
                                      " peers; every advert would go to each "
                                      "of them, so split the group");
      return peers;
    }
    for (const YamlPtr& item : *items) {
      const auto peer = read_host_address(problems_, *item, "a peer", example());
      if (!peer || !fits(*item, *peer)) continue;
      const std::string text = to_string(*peer);
      if (std::find(peers.begin(), peers.end(), *peer) != peers.end()) {
        problems_.error(item->place, "peer " + text + " is listed twice; keep one of them");
      } else if (peer == source) {
        problems_.error(item->place, "peer " + text + " is this host's own `source`; list only the other hosts");
      } else if (is_virtual(*peer)) {
        problems_.error(item->place, "peer " + text +
                                         " is one of the virtual addresses, which moves; write the other "
                                         "host's own address");
      } else {
        peers.push_back(*peer);
      }
    }
    return peers;
  }

 private:
  std::string_view example() const { return family_ == IpFamily::ipv6 ? "fe80::2" : "192.168.16.129"; }

  // Whether it goes with what stands before it; the first one decides where there are no addresses.
  bool fits(const YamlNode& node, const IpAddr& address) {
    if (!family_) family_ = address.family();
    if (*family_ == address.family()) return reaches(node, address);
    problems_.error(node.place, to_string(address) + " is " + std::string(name_of(address.family())) +
                                    ", and this instance is " + std::string(name_of(*family_)) + "; write an " +
                                    std::string(name_of(*family_)) + " address, or make an instance for each family");
    return false;
  }
  // Link-local addresses and others don't reach each other well: adverts have one source for all peers.
  bool reaches(const YamlNode& node, const IpAddr& address) {
    if (!first_) first_ = address;
    if (first_->is_link_local() == address.is_link_local()) return true;
    const IpAddr& link_local = address.is_link_local() ? address : *first_;
    const IpAddr& other = address.is_link_local() ? *first_ : address;
    problems_.error(node.place, to_string(link_local) + " is link-local and " + to_string(other) +
                                    " is not, but adverts to all peers have one source; write one kind for `source` "
                                    "and all `peers`");
    return false;
  }
  bool is_virtual(const IpAddr& address) const {
    return std::any_of(addresses_.begin(), addresses_.end(),
                       [&](const PlacedAddress& placed) { return placed.address.prefix.address == address; });
  }

  Problems& problems_;
  const std::vector<PlacedAddress>& addresses_;
  Priority priority_;
  std::optional<IpFamily> family_;
  std::optional<IpAddr> first_;  // of source and peers
};

}  // namespace

Unicast read_unicast(Problems& problems, MapReader& instance, const std::vector<PlacedAddress>& addresses,
                     Priority priority) {
  Unicast unicast;
  const YamlEntry* source = instance.take("source");
  const YamlEntry* peers = instance.take("peers");
  Reader reader(problems, addresses, priority);
  if (source != nullptr) unicast.source = reader.source(*source->value, peers == nullptr);
  if (peers != nullptr) unicast.peers = reader.peers(*peers->value, unicast.source);
  return unicast;
}

}  // namespace holdfast
