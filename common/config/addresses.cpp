#include "common/config/addresses.hpp"

#include "common/config/keepalived_words.hpp"
#include "common/config/map_reader.hpp"
#include "common/ip_text.hpp"

#include <algorithm>
#include <optional>

namespace holdfast {

namespace {

constexpr std::size_t most_addresses = 255;  // the count is one byte in the advert
constexpr std::size_t longest_label = 15;    // the kernel's IFNAMSIZ without its final zero
const std::vector<std::string> scope_names{"global", "site", "link", "host"};

std::uint32_t as_number(const IpAddr& address) {
  std::uint32_t number = 0;
  for (const std::uint8_t byte : address.bytes()) number = number << 8 | byte;
  return number;
}

// Why no host can hold this IPv4 address, or "".
std::string why_not_a_host(const IpAddr& address) {
  const std::uint8_t first = address.bytes()[0];
  if (first == 0) return "no host can have an address that begins with 0";
  if (first == 127) return "it is a loopback address, which other hosts can't reach";
  if (first >= 224 && first < 240) return "it is a multicast address";
  if (first >= 240) return "it is reserved";
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
  if (!prefix) return refuse("write an IPv4 address, such as `192.168.16.130` or `192.168.16.130/24`");
  if (prefix->address.family() == IpFamily::ipv6) {
    if (const auto reason = why_unavailable(Section::address, "an IPv6 address")) {
      problems.error(node.place, *reason);
      return std::nullopt;
    }
  }
  if (prefix->length == 0) return refuse("with /0 every address would be its neighbour; write the subnet's length");
  if (const std::string why = why_not_a_host(prefix->address); !why.empty()) {
    return refuse(why + "; write one out of the hosts' subnet");
  }
  if (prefix->length < 31) {
    const std::uint32_t host_bits = 0xffffffffu >> prefix->length;
    const std::uint32_t host = as_number(prefix->address) & host_bits;
    if (host == 0) return refuse("it is the address of the whole subnet; write one inside it");
    if (host == host_bits) return refuse("it is the broadcast address of its subnet; write one inside it");
  }
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
  const bool none = node.kind == YamlNode::Kind::list && node.items.empty();
  if (const auto reason = why_unavailable(Section::instance, "an instance without addresses"); none && reason) {
    problems.error(node.place, *reason);
    return addresses;
  }
  const auto* items = read_list(problems, node, "`addresses`", "[192.168.16.130]");
  if (items == nullptr) return addresses;
  if (items->size() > most_addresses) {
    problems.error(node.place, std::to_string(items->size()) +
                                   " addresses, and an advert has room for 255; spread "
                                   "them over several instances");
    return addresses;
  }
  for (const YamlPtr& item : *items) {
    if (auto address = read_address(problems, *item, interface))
      addresses.push_back({std::move(*address), item->place});
  }
  const bool all_silent =
      !addresses.empty() &&
      std::none_of(addresses.begin(), addresses.end(), [](const auto& placed) { return placed.address.advertised; });
  if (all_silent) {
    problems.error(node.place,
                   "no address is advertised, and other routers drop an empty advert; remove `advertised: "
                   "false` from at least one");
  }
  return addresses;
}

}  // namespace holdfast
