// The list of keys is what the loader accepts, and docs/configuration.md explains every one of them.
#include "common/config/known_keys.hpp"

#include "common/config/load.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>
#include <map>

using namespace holdfast;

namespace {

// A document in which this key stands, without a value, where it may.
std::string document_with(Section section, const std::string& key) {
  const std::string line = key + ":\n";
  const auto instance = [](const std::string& more) { return "instances:\n  w:\n" + more; };
  const auto check = [](const std::string& type, const std::string& more) {
    return "checks:\n  c:\n    type: " + type + "\n" + more;
  };
  switch (section) {
    case Section::document: return line;
    case Section::runtime: return "runtime:\n  " + line;
    case Section::runtime_users: return "runtime:\n  users:\n    " + line;
    case Section::check: {
      const std::map<std::string, std::string> types{{"address", "tcp"},
                                                     {"send", "tcp"},
                                                     {"expect", "tcp"},
                                                     {"url", "http"},
                                                     {"host", "http"},
                                                     {"status", "http"},
                                                     {"body", "http"},
                                                     {"tls_verify", "http"},
                                                     {"tls_ca", "http"},
                                                     {"http2", "http"},
                                                     {"command", "script"},
                                                     {"user", "script"},
                                                     {"unix_socket", "http"},
                                                     {"proxy_protocol", "http"},
                                                     {"path", "file"},
                                                     {"invert", "file"},
                                                     {"tls_expiry_warning", "http"},
                                                     {"stub_status", "nginx"}};
      if (key == "type") return "checks:\n  c:\n    type:\n";
      return check(types.contains(key) ? types.at(key) : "process", "    " + line);
    }
    case Section::restart: return check("process", "    restart:\n      " + line);
    case Section::instance: return instance("    " + line);
    case Section::announce: return instance("    announce:\n      " + line);
    case Section::address: return instance("    addresses:\n      - " + line);
    case Section::track: return instance("    track:\n      - " + line);
    case Section::move: return instance("    move:\n      " + line);
    case Section::notify: return instance("    vrid: 1\n") + "notify:\n  " + line;
    case Section::notify_command: return instance("    vrid: 1\n") + "notify:\n  commands:\n    " + line;
    case Section::notify_email: return instance("    vrid: 1\n") + "notify:\n  email:\n    " + line;
    case Section::notify_webhook: return instance("    vrid: 1\n") + "notify:\n  webhook:\n    " + line;
    case Section::notify_signature:
      return instance("    vrid: 1\n") + "notify:\n  webhook:\n    signature:\n      " + line;
  }
  return {};
}

bool is_refused_as_a_key(const std::string& text, const std::string& key) {
  for (const Diagnostic& diagnostic : parse_config(text, "f", {}).diagnostics) {
    if (diagnostic.text.starts_with("unknown key `" + key + "`")) return true;
    if (diagnostic.text.starts_with("`" + key + "` belongs to a check of type")) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("every listed key is one that the loader takes") {
  for (const auto& [section, name] : known_keys()) {
    const std::string key(name);
    CAPTURE(key, name_of(section));
    CHECK_FALSE(is_refused_as_a_key(document_with(section, key), key));
    CHECK(is_refused_as_a_key(document_with(section, "zzzz"), "zzzz"));
  }
}

TEST_CASE("docs/configuration.md has a row for every key, below the heading of its part") {
  const std::map<Section, std::string> headings{
      {Section::document, "## The file"},
      {Section::instance, "## An instance"},
      {Section::address, "## `addresses`"},
      {Section::track, "## `track`"},
      {Section::announce, "## `announce`"},
      {Section::check, "## A check"},
      {Section::restart, "## `restart`"},
      {Section::runtime, "## `runtime`"},
      {Section::runtime_users, "## `runtime`"},
      {Section::move, "## `move`"},
      {Section::notify, "## `notify`"},
      {Section::notify_command, "## `commands`"},
      {Section::notify_email, "## `email`"},
      {Section::notify_webhook, "## `webhook`"},
      {Section::notify_signature, "## `signature`"},
  };
  std::ifstream file(SOURCE_DIR "/docs/configuration.md");
  const std::string page(std::istreambuf_iterator<char>(file), {});
  REQUIRE_FALSE(page.empty());
  for (const auto& [section, key] : known_keys()) {
    CAPTURE(key, name_of(section));
    const std::size_t begin = page.find("\n" + headings.at(section) + "\n");
    REQUIRE(begin != std::string::npos);
    const std::string part = page.substr(begin, page.find("\n## ", begin + 1) - begin);
    const std::string row = (section == Section::runtime_users ? "| `users." : "| `") + std::string(key) + "` |";
    CHECK(part.find(row) != std::string::npos);
  }
}
