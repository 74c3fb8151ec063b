#include "tests/vectors/vectors.hpp"

#include "common/ip_text.hpp"

#include <yaml-cpp/yaml.h>

namespace holdfast::vectors {
namespace {

IpAddr address(const YAML::Node& node) { return parse_ip(node.as<std::string>()).value(); }

Bytes bytes_of_hex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

Receiver receiver(const YAML::Node& node) {
  Receiver result;
  VirtualRouterConfig& config = result.config;
  config.name = "vector";
  config.interface = "eth0";
  config.vrid = Vrid{static_cast<std::uint8_t>(node["vrid"].as<int>())};
  config.version = node["version"].as<int>() == 2 ? VrrpVersion::v2 : VrrpVersion::v3;
  config.family = node["family"].as<std::string>() == "ipv4" ? IpFamily::ipv4 : IpFamily::ipv6;
  config.priority = Priority{static_cast<std::uint8_t>(node["priority"].as<int>())};
  const int interval = node["interval"].as<int>();
  config.advert_interval = node["interval_unit"].as<std::string>() == "s" ? Duration(std::chrono::seconds(interval))
                                                                          : Duration(Centiseconds(interval));
  config.preempt = node["preempt"].as<bool>();
  for (const YAML::Node& vip : node["vips"]) {
    const IpAddr ip = address(vip);
    VirtualAddress virtual_address;
    virtual_address.prefix = {ip, static_cast<std::uint8_t>(ip.bits())};
    virtual_address.interface = "eth0";
    config.addresses.push_back(virtual_address);
  }
  config.require_link_local_first = true;  // what the file expects of a receiver
  result.local_primary = address(node["local_primary"]);
  return result;
}

std::string text(const YAML::Node& node) { return node ? node.as<std::string>() : ""; }

File read() {
  const YAML::Node root = YAML::LoadFile(SOURCE_DIR "/tests/vectors/vrrp-vectors.yaml");
  File file;
  for (const auto& entry : root["receivers"]) file.receivers[entry.first.as<std::string>()] = receiver(entry.second);
  for (const YAML::Node& node : root["vectors"]) {
    file.vectors.push_back({.name = text(node["name"]),
                            .receiver = text(node["receiver"]),
                            .source = address(node["src"]),
                            .destination = address(node["dst"]),
                            .ttl = node["ttl"].as<int>(),
                            .payload = bytes_of_hex(text(node["payload_hex"])),
                            .accept = text(node["expect"]) == "accept",
                            .failed_check = text(node["failed_check"]),
                            .counter = text(node["counter"]),
                            .checksum_form = text(node["checksum_form"])});
  }
  for (const YAML::Node& node : root["announce_frames"]) {
    file.announce_frames.push_back({text(node["name"]), bytes_of_hex(text(node["frame_hex"]))});
  }
  return file;
}

}  // namespace

const File& load() {
  static const File file = read();
  return file;
}

}  // namespace holdfast::vectors
