#include "common/config/addresses.hpp"

#include "common/config/host_address.hpp"
#include "common/config/keepalived_words.hpp"
#include "common/config/map_reader.hpp"
#include "common/ip_text.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace holdfast {

namespace {

constexpr std::size_t most_addresses = 255;  // the count is one byte in the advert
constexpr std::size_t longest_label = 15;    // the kernel's IFNAMSIZ without its final zero
const std::vector<std::string> scope_names{"global", "site", "link", "host"};

// Whether all bits behind the prefix are `value`.
bool host_bits_are(const IpPrefix& prefix, bool value) {
  const auto bytes = prefix.address.bytes();
  for (unsigned bit = prefix.length; bit < prefix.address.bits(); ++bit) {
    const bool is_set = (bytes[bit / 8] >> (7 - bit % 8) & 1) != 0;
    if (is_set != value) return false;
  }
  return true;
}

// Why this address means more than one host of its subnet, or "".
std::string why_not_in_subnet(const IpPrefix& prefix) {
  if (prefix.length + 1u >= prefix.address.bits()) return {};  // no room for special ones
  const bool v4 = prefix.address.family() == IpFamily::ipv4;
  if (host_bits_are(prefix, false)) {
    return v4 ? "it is the address of the whole subnet" : "it stands for every router of its subnet";
  }
  if (v4 && host_bits_are(prefix, true)) return "it is the broadcast address of its subnet";
  return {};
}

std::optional<IpPrefix> read_prefix(Problems& problems, const YamlNode& node) {
  const auto text = read_text(problems, node, "an address");
  if (!text) return std::nullopt;
  const auto refuse = [&](const std::string& why) {
    problems.error(node.place, quoted(*text) + " can't be a virtual address: " + why);
    return std::nullopt;
  };
  const auto prefix = parse_prefix(*text);
  if (const std::string entry = address_entry_of(*text); !entry.empty()) {
    return refuse("it is written as in keepalived; write " + ("`" + entry + "`"));
  }
  if (const auto zone = text->find('%'); !prefix && zone != std::string::npos) {
    return refuse("write the interface beside it, " +
                  quoted("{address: '" + text->substr(0, zone) + "', interface: " + text->substr(zone + 1) + "}"));
  }
  if (!prefix) {
    return refuse("write an address with or without a length, such as `192.168.16.130/24` or `2001:db8::80`");
  }
  if (prefix->length == 0) return refuse("with /0 every address would be its neighbour; write the subnet's length");
  if (const std::string why = why_not_a_host(prefix->address); !why.empty()) {
    return refuse(why + "; write one out of the hosts' subnet");
  }
  if (const std::string why = why_not_in_subnet(*prefix); !why.empty()) return refuse(why + "; write one inside it");
  return prefix;
}

void check_label(Problems& problems, const YamlNode& node, const VirtualAddress& address) {
  const std::string& label = address.label;
  const bool belongs = label == address.interface || label.starts_with(address.interface + ":");
  const bool printable = std::all_of(label.begin(), label.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (label.empty() || (belongs && printable && label.size() <= longest_label)) return;
  problems.error(node.place, "`label` " + quoted(label) +
                                 " must begin with the interface and a colon and have at most "
                                 "15 characters, such as " +
                                 quoted(address.interface + ":vip"));
}

std::optional<VirtualAddress> read_address(Problems& problems, const YamlNode& node, const std::string& interface) {
  VirtualAddress address;
  address.interface = interface;
  if (node.kind == YamlNode::Kind::list) {
    problems.error(node.place,
                   "an address must be a text, such as `192.168.16.130`, or a map, such as `{address: "
                   "192.168.16.130, interface: eth1}`, not a list");
    return std::nullopt;
  }
  if (node.kind != YamlNode::Kind::map) {
    const auto prefix = read_prefix(problems, node);
    if (!prefix) return std::nullopt;
    address.prefix = *prefix;
    return address;
  }
  MapReader reader(problems, node, node.place, Section::address, "this address");
  std::optional<IpPrefix> prefix;
  if (const YamlEntry* entry = reader.take("address")) {
    prefix = read_prefix(problems, *entry->value);
  } else {
    reader.missing("address", "address: 192.168.16.130");
  }
  if (const YamlEntry* entry = reader.take("interface")) {
    address.interface = read_interface(problems, *entry->value, "`interface`").value_or(interface);
  }
  if (const YamlEntry* entry = reader.take("label")) {
    address.label = read_text(problems, *entry->value, "`label`").value_or("");
    check_label(problems, *entry->value, address);
    if (prefix && prefix->address.family() == IpFamily::ipv6) {
      problems.error(entry->place, "an IPv6 address has no label; remove `label`");
    }
  }
  if (const auto scope = reader.choice("scope", scope_names)) address.scope = static_cast<AddressScope>(*scope);
  address.advertised = reader.boolean("advertised").value_or(true);
  reader.finish();
  if (!prefix) return std::nullopt;
  address.prefix = *prefix;
  return address;
}

}  // namespace

std::vector<PlacedAddress> read_addresses(Problems& problems, const YamlNode& node, const std::string& interface) {
  std::vector<PlacedAddress> addresses;
  // Something else may move the address, a cloud's own interface for one.
  if (node.kind == YamlNode::Kind::list && node.items.empty()) return addresses;
  const auto* items = read_list(problems, node, "`addresses`", "[192.168.16.130]");
  if (items == nullptr) return addresses;
  if (items->size() > most_addresses) {
    problems.error(node.place, std::to_string(items->size()) +
                                   " addresses, and an advert has room for 255; spread "
                                   "them over several instances");
    return addresses;
  }
  bool two_families = false;
  for (const YamlPtr& item : *items) {
    auto address = read_address(problems, *item, interface);
    if (!address) continue;
    const IpFamily family = address->prefix.address.family();
    if (addresses.empty() || family == addresses.front().address.prefix.address.family()) {
      addresses.push_back({std::move(*address), item->place});
    } else if (!std::exchange(two_families, true)) {
      problems.error(item->place,
                     to_string(address->prefix.address) + " is " + std::string(name_of(family)) +
                         ", unlike the addresses above, and a virtual router has one family; make another instance "
                         "for it, and move both together with `sync_groups: {NAME: [this one, the other one]}`");
    }
  }
  const bool all_silent =
      !addresses.empty() &&
      std::none_of(addresses.begin(), addresses.end(), [](const auto& placed) { return placed.address.advertised; });
  if (all_silent) {
    problems.warning(node.place,
                     "no address is advertised; Holdfast takes an empty advert from Holdfast, but other programs drop "
                     "it, so remove `advertised: false` from one where others are in the group");
  }
  return addresses;
}

void order_addresses(Problems& problems, std::vector<PlacedAddress>& addresses, Vrid vrid, Place place) {
  const auto advertised = [](const PlacedAddress& placed) { return placed.address.advertised; };
  const auto first = std::find_if(addresses.begin(), addresses.end(), advertised);
  if (first == addresses.end() || first->address.prefix.address.family() == IpFamily::ipv4) return;
  const auto link_local = std::find_if(first, addresses.end(), [&](const PlacedAddress& placed) {
    return advertised(placed) && placed.address.prefix.address.is_link_local();
  });
  if (link_local != addresses.end()) {
    std::rotate(addresses.begin(), link_local, link_local + 1);
    return;
  }
  const auto example = IpAddr::from_bytes(std::array<std::uint8_t, 16>{0xfe, 0x80, 0, 0, 0, 0, 0, 0,  //
                                                                       0, 0, 0, 0, 0, 0, 0, vrid.value});
  problems.warning(place,
                   "no address here is link-local, and Cisco and Arista ignore adverts whose list does not "
                   "start with one (RFC 9568, 5.2.9); add such as " +
                       quoted(to_string(example)) + " on every host");
}

}  // namespace holdfast
