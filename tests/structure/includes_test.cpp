// The house rules about who may include whom, read off the sources. CMake's targets make most of them
// hold at link time; headers need this.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

struct Include {
  std::string file;    // from the top of the tree
  std::string header;  // as written
  bool system;         // <...>
};

const std::vector<std::string> roles = {"parent", "vrrp_child", "checker_child", "notify_helper", "cli"};

bool starts_with(const std::string& text, const std::string& start) { return text.rfind(start, 0) == 0; }

std::vector<Include> includes_of(const fs::path& path, const std::string& name) {
  static const std::regex pattern(R"re(^\s*#\s*include\s*([<"])([^>"]+)[>"])re");
  std::vector<Include> result;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (std::regex_search(line, match, pattern)) result.push_back({name, match[2], match[1] == "<"});
  }
  return result;
}

const std::vector<Include>& all_includes() {
  static const std::vector<Include> all = [] {
    std::vector<Include> found;
    std::vector<std::string> folders = roles;
    folders.push_back("common");
    for (const std::string& folder : folders) {
      for (const auto& entry : fs::recursive_directory_iterator(fs::path(SOURCE_DIR) / folder)) {
        const auto extension = entry.path().extension();
        if (extension != ".hpp" && extension != ".cpp") continue;
        const auto name = fs::relative(entry.path(), SOURCE_DIR).generic_string();
        for (Include& include : includes_of(entry.path(), name)) found.push_back(std::move(include));
      }
    }
    return found;
  }();
  return all;
}

// The pure files of common/ and parent/; the core/ folders are pure as a whole.
const std::set<std::string> pure_files = {
    "common/bytes",
    "common/check_config",
    "common/codec",
    "common/config/model",
    "common/config/notify_model",
    "common/expression",
    "common/ip_addr",
    "common/messages",
    "common/result",
    "common/router_config",
    "common/statistics",
    "common/types",
    "parent/child_pace",
    "parent/conflict_watch",
    "parent/move_queue",
    "parent/notification",
    "parent/notification_queue",
    "parent/rate_limit",
    "parent/restart_policy",
    "parent/text",
    "parent/tracked_interfaces",
    "parent/tracking",
};

bool is_pure(const std::string& file) {
  if (file.find("/core/") != std::string::npos) return true;
  return pure_files.contains(file.substr(0, file.rfind('.')));
}

// Standard headers that neither see the system nor a clock.
const std::set<std::string> pure_headers = {
    "algorithm",     "array",         "bit",        "charconv", "chrono", "compare",      "concepts", "cstddef",
    "cstdint",       "deque",         "functional", "iterator", "limits", "map",          "memory",   "numeric",
    "optional",      "regex",         "set",        "span",     "string", "string_view",  "tuple",    "type_traits",
    "unordered_map", "unordered_set", "utility",    "variant",  "vector", "fmt/format.h",
};

}  // namespace

TEST_CASE("there is something to look at") { CHECK(all_includes().size() > 100); }

TEST_CASE("pure code includes pure code and headers without a system behind them") {
  for (const Include& include : all_includes()) {
    if (!is_pure(include.file)) continue;
    INFO(include.file << " includes " << include.header);
    CHECK((include.system ? pure_headers.contains(include.header) : is_pure(include.header)));
  }
}

TEST_CASE("roles never include each other, and common includes no role") {
  for (const Include& include : all_includes()) {
    const std::string own = include.file.substr(0, include.file.find('/'));
    for (const std::string& role : roles) {
      INFO(include.file << " includes " << include.header);
      CHECK((role == own || !starts_with(include.header, role + "/")));
    }
  }
}

TEST_CASE("libraries stay where they belong") {
  struct Rule {
    std::string header;
    std::vector<std::string> homes;
  };
  const std::vector<Rule> rules = {
      {"yaml-cpp/", {"common/config/"}},
      {"netlink/", {"vrrp_child/netlink.cpp"}},
      {"curl/", {"checker_child/", "notify_helper/"}},
      {"nlohmann/", {"parent/", "cli/", "notify_helper/", "common/config/message_template.cpp"}},
      {"openssl/", {"notify_helper/"}},
      {"CLI/", {"cli/", "parent/main.cpp"}},
      {"common/config/", {"common/config/", "parent/", "cli/"}},
      {"systemd/sd-bus.h", {"parent/"}},
      {"systemd/sd-journal.h", {"parent/"}},
  };
  for (const Include& include : all_includes()) {
    for (const Rule& rule : rules) {
      if (!starts_with(include.header, rule.header)) continue;
      INFO(include.file << " includes " << include.header);
      bool at_home = false;
      for (const std::string& home : rule.homes) at_home = at_home || starts_with(include.file, home);
      CHECK(at_home);
    }
  }
}
