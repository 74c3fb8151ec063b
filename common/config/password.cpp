#include "common/config/password.hpp"

#include "common/config/text_file.hpp"

namespace holdfast {

namespace {

constexpr std::size_t longest_password = 8;  // the field of VRRPv2
constexpr std::size_t longest_file = 4096;

// The first line of the file.
std::optional<std::string> read_from_file(Problems& problems, const YamlNode& node) {
  const auto path = read_path(problems, node, "`password_file`");
  if (!path) return std::nullopt;
  const auto file = read_text_file(*path, longest_file);
  if (!file) {
    problems.error(node.place, "`password_file` " + quoted(*path) + ": " + file.error().text);
    return std::nullopt;
  }
  if (file->others_may_read) {
    problems.warning(node.place, "everybody on this host can read the password; run `chmod o-r " + *path + "`");
  }
  std::string line = file->text.substr(0, file->text.find('\n'));
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) {
    problems.error(node.place, "the first line of `password_file` " + quoted(*path) +
                                   " is empty; write the password there, or remove the key");
    return std::nullopt;
  }
  return line;
}

}  // namespace

std::optional<std::string> read_password(Problems& problems, MapReader& instance, std::optional<VrrpVersion> version,
                                         IpFamily family) {
  const YamlEntry* written = instance.take("password");
  const YamlEntry* file = instance.take("password_file");
  if (written == nullptr && file == nullptr) return std::nullopt;
  const YamlEntry& entry = written != nullptr ? *written : *file;
  const std::string key = quoted(entry.key);
  if (written != nullptr && file != nullptr) {
    problems.error(file->place, instance.what() + " has both `password` and `password_file`; remove one of them");
    return std::nullopt;
  }
  if (family == IpFamily::ipv6) {
    problems.error(entry.place, "only version 2 has a password, and IPv6 has only version 3; remove " + key);
    return std::nullopt;
  }
  const auto password =
      written != nullptr ? read_text(problems, *entry.value, key) : read_from_file(problems, *entry.value);
  if (version == VrrpVersion::v3) {
    problems.error(entry.place, "only version 2 has a password; write `version: 2`, or remove " + key);
    return std::nullopt;
  }
  if (!password) return std::nullopt;
  const std::string holder = written != nullptr ? key : "the password in " + quoted(entry.value->text);
  if (password->find('\0') != std::string::npos) {
    problems.error(entry.value->place, holder + " holds a zero byte; remove it");
    return std::nullopt;
  }
  if (password->size() > longest_password) {
    problems.error(entry.value->place, holder +
                                           " is longer than 8 bytes; keepalived cuts it to the first 8, so write "
                                           "only those, here and on the other hosts");
    return std::nullopt;
  }
  return password;
}

}  // namespace holdfast
