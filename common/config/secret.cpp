#include "common/config/secret.hpp"

#include "common/config/text_file.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace holdfast {
namespace {

constexpr std::size_t longest_file = 4096;

constexpr std::string_view credential_mark = "credential:";

// Where systemd has put a credential of the unit (LoadCredential= and the like, see systemd.exec(5)).
std::optional<std::string> credential_path(Problems& problems, const YamlNode& node, const std::string& what) {
  const std::string name = node.text.substr(credential_mark.size());
  const auto fits = [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != ':'; };
  if (name.empty() || name.starts_with('.') || !std::all_of(name.begin(), name.end(), fits)) {
    problems.error(node.place, what + " can't be " + quoted(node.text) +
                                   "; write `credential:NAME` with the name that " +
                                   "the unit's LoadCredential= gives it");
    return std::nullopt;
  }
  if (const char* folder = std::getenv("CREDENTIALS_DIRECTORY")) return std::string(folder) + "/" + name;
  const std::string where = what + " " + quoted(node.text) + ": only the unit holdfast.service has credentials";
  if (problems.only_validating()) {
    problems.warning(node.place, where + ", so this one is not looked at here; the daemon does when it starts");
  } else {
    problems.error(node.place, where + ", and this process was started without; write LoadCredential=" + name +
                                   ":FILE into it (systemctl edit holdfast), then: systemctl restart holdfast");
  }
  return std::nullopt;
}

std::optional<std::string> first_line(Problems& problems, const YamlNode& node, const std::string& key) {
  const std::string what = quoted(key + "_file");
  const bool is_credential = node.text.starts_with(credential_mark);
  const auto path = is_credential ? credential_path(problems, node, what) : read_path(problems, node, what);
  if (!path) return std::nullopt;
  const auto file = read_text_file(*path, longest_file);
  if (!file && is_credential) {
    const std::string name = node.text.substr(credential_mark.size());
    problems.error(node.place, what + " " + quoted(node.text) + ": the unit has no such credential; write " +
                                   "`LoadCredential=" + name + ":/etc/holdfast/" + name +
                                   "` below [Service] with `systemctl edit holdfast`, and restart it");
    return std::nullopt;
  }
  if (!file) {
    problems.error(node.place, what + " " + quoted(*path) + ": " + file.error().text);
    return std::nullopt;
  }
  if (file->others_may_read) {
    problems.warning(node.place, "everybody on this host can read the " + key + "; run `chmod o-r " + *path + "`");
  }
  std::string line = file->text.substr(0, file->text.find('\n'));
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) {
    problems.error(node.place, "the first line of " + what + " " + quoted(*path) + " is empty; write the " + key +
                                   " there, or remove the key");
    return std::nullopt;
  }
  return line;
}

}  // namespace

std::optional<SecretEntry> take_secret(Problems& problems, MapReader& reader, const std::string& key) {
  const YamlEntry* written = reader.take(key);
  const YamlEntry* file = reader.take(key + "_file");
  if (written != nullptr && file != nullptr) {
    problems.error(file->place, reader.what() + " has both " + quoted(key) + " and " + quoted(key + "_file") +
                                    "; remove one of them");
    return std::nullopt;
  }
  if (written == nullptr && file == nullptr) return std::nullopt;
  return SecretEntry{written != nullptr ? written : file, file != nullptr};
}

std::optional<std::string> read_secret(Problems& problems, const SecretEntry& secret, const std::string& key) {
  const YamlNode& node = *secret.entry->value;
  auto text = secret.is_file ? first_line(problems, node, key) : read_text(problems, node, quoted(key));
  if (text && text->find('\0') != std::string::npos) {
    const std::string holder = secret.is_file ? "the " + key + " in " + quoted(node.text) : quoted(key);
    problems.error(node.place, holder + " holds a zero byte; remove it");
    return std::nullopt;
  }
  return text;
}

}  // namespace holdfast
