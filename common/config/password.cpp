#include "common/config/password.hpp"

#include "common/config/secret.hpp"

namespace holdfast {

namespace {

constexpr std::size_t longest_password = 8;  // the field of VRRPv2

}  // namespace

std::optional<std::string> read_password(Problems& problems, MapReader& instance, std::optional<VrrpVersion> version,
                                         IpFamily family) {
  const auto secret = take_secret(problems, instance, "password");
  if (!secret) return std::nullopt;
  const YamlEntry& entry = *secret->entry;
  const std::string key = quoted(entry.key);
  if (family == IpFamily::ipv6) {
    problems.error(entry.place, "only version 2 has a password, and IPv6 has only version 3; remove " + key);
    return std::nullopt;
  }
  const auto password = read_secret(problems, *secret, "password");
  if (version == VrrpVersion::v3) {
    problems.error(entry.place, "only version 2 has a password; write `version: 2`, or remove " + key);
    return std::nullopt;
  }
  if (!password) return std::nullopt;
  const std::string holder = secret->is_file ? "the password in " + quoted(entry.value->text) : key;
  if (password->size() > longest_password) {
    problems.error(entry.value->place, holder +
                                           " is longer than 8 bytes; keepalived cuts it to the first 8, so write "
                                           "only those, here and on the other hosts");
    return std::nullopt;
  }
  return password;
}

}  // namespace holdfast
