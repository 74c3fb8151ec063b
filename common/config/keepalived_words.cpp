#include "common/config/keepalived_words.hpp"

#include <algorithm>
#include <vector>

namespace holdfast {

namespace {

constexpr std::string_view blanks = " \t\r";

struct ForeignWord {
  Section section;
  std::string_view word;
  std::string_view mend;
};

constexpr std::string_view notifying =
    "write `notify: {commands: [{command: [SCRIPT]}]}` at the top of the file; the script gets keepalived's arguments";
constexpr std::string_view mailing =
    "write `notify: {email: {to: [...], from: ..., server: ...}}` at the top of the file";
constexpr std::string_view announcing =
    "write `announce: {count: 5, repeat_after: 5s, refresh: 1m}` with what you need";

// clang-format off
constexpr ForeignWord foreign_words[] = {
    {Section::document, "vrrp_instance", "write `instances:` with the instance's name below it"},
    {Section::document, "vrrp_instances", "write `instances:` with the instance's name below it"},
    {Section::document, "vrrp_script", "write `checks:` with the check's name below it"},
    {Section::document, "vrrp_track_process", "write `checks:` with the check's name below it, and `type: process`"},
    {Section::document, "vrrp_sync_group", "write `sync_groups: {NAME: [...]}` with the instances of the group"},
    {Section::document, "global_defs", "remove it; the name of this host is `node`"},
    {Section::document, "router_id", "write `node`"},
    {Section::document, "notification_email", mailing},
    {Section::document, "smtp_server", mailing},
    {Section::document, "virtual_server", "remove it; Holdfast moves addresses, it balances no load"},
    {Section::instance, "state", "remove it; the priorities decide who is active"},
    {Section::instance, "virtual_router_id", "write `vrid`"},
    {Section::instance, "vrrp_version", "write `version`"},
    {Section::instance, "advert_int", "write `advert_interval` with a unit, such as `1s`"},
    {Section::instance, "auth_pass", "write `password`"},
    {Section::instance, "auth_type", "remove it; `password` alone says it"},
    {Section::instance, "authentication", "write `password: ...` in the instance itself"},
    {Section::instance, "nopreempt", "write `preempt: false`"},
    {Section::instance, "virtual_ipaddress", "write `addresses`"},
    {Section::instance, "virtual_ips", "write `addresses`"},
    {Section::instance, "virtual_ipaddress_excluded", "write `{address: ..., advertised: false}` within `addresses`"},
    {Section::instance, "track_script", "write `track`"},
    {Section::instance, "track_process", "write `track`"},
    {Section::instance, "track_interface", "write `track: [{interface: ...}]`; the instance's own is watched without it"},
    {Section::instance, "dont_track_primary", "remove it; without its link an instance is always in fault"},
    {Section::instance, "garp_master_delay", announcing},
    {Section::instance, "garp_master_repeat", announcing},
    {Section::instance, "garp_master_refresh", announcing},
    {Section::instance, "garp_master_refresh_repeat", announcing},
    {Section::instance, "mcast_src_ip", "write `source`"},
    {Section::instance, "unicast_peer", "write `peers`"},
    {Section::instance, "unicast_src_ip", "write `source`"},
    {Section::instance, "use_vmac", "write `virtual_mac: true`"},
    {Section::instance, "vmac_xmit_base", "remove it; `virtual_mac: true` is all there is to say"},
    {Section::instance, "notify", notifying},
    {Section::instance, "notify_master", "write `notify: {commands: [{command: [SCRIPT], on: [active]}]}` at the top of the file; the script gets keepalived's arguments behind its own"},
    {Section::instance, "notify_backup", "write `notify: {commands: [{command: [SCRIPT], on: [backup]}]}` at the top of the file; the script gets keepalived's arguments behind its own"},
    {Section::instance, "notify_fault", "write `notify: {commands: [{command: [SCRIPT], on: [fault]}]}` at the top of the file; the script gets keepalived's arguments behind its own"},
    {Section::instance, "notify_stop", "write `notify: {commands: [{command: [SCRIPT], on: [stop]}]}` at the top of the file; the script gets keepalived's arguments behind its own"},
    {Section::instance, "smtp_alert", mailing},
    {Section::check, "script", "write `type: script` and `command: [...]`"},
    {Section::check, "process", "write `type: process` and `name: ...`"},
    {Section::check, "init_fail", "remove it; a check is not up before its first result"},
    {Section::check, "weight", "write the weight where an instance tracks the check: `track: [{check: ..., weight: 2}]`"},
};

constexpr std::string_view blocks[] = {
    "global_defs",      "vrrp_instance",      "vrrp_script",    "vrrp_sync_group",      "vrrp_track_process",
    "vrrp_track_file",  "static_ipaddress",   "static_routes",  "virtual_server",       "virtual_server_group",
};
// clang-format on

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

}  // namespace

std::optional<std::string_view> mend_of_keepalived_word(Section section, std::string_view word) {
  const auto* found = std::find_if(std::begin(foreign_words), std::end(foreign_words), [&](const ForeignWord& entry) {
    return entry.section == section && entry.word == word;
  });
  if (found == std::end(foreign_words)) return std::nullopt;
  return found->mend;
}

std::optional<std::string_view> mend_of_keepalived_word(std::string_view word) {
  for (const Section section : {Section::instance, Section::check, Section::document}) {
    if (const auto mend = mend_of_keepalived_word(section, word)) return mend;
  }
  return std::nullopt;
}

std::optional<Place> keepalived_block(std::string_view text) {
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    const std::string_view word = line.substr(0, line.find_first_of(" \t{"));
    const bool opens = std::find(std::begin(blocks), std::end(blocks), word) != std::end(blocks);
    return opens && line.find(':') == std::string_view::npos ? std::optional(Place{number, 1}) : std::nullopt;
  }
  return std::nullopt;
}

std::string address_entry_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    const std::size_t end = std::min(text.find_first_of(blanks), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  if (words.size() < 3 || words.size() % 2 == 0) return {};
  std::string entry = "{address: " + std::string(words[0]);
  for (std::size_t i = 1; i < words.size(); i += 2) {
    const std::string_view word = words[i];
    if (word == "brd" || word == "broadcast") continue;  // follows from the length of the prefix
    if (word != "dev" && word != "label" && word != "scope") return {};
    entry += std::string(", ") + (word == "dev" ? "interface" : std::string(word)) + ": " + std::string(words[i + 1]);
  }
  return entry + "}";
}

}  // namespace holdfast
