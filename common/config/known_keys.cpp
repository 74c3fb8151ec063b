#include "common/config/known_keys.hpp"

#include <algorithm>

namespace holdfast {

namespace {

constexpr KnownKey keys[] = {
    {Section::document, "node"},
    {Section::document, "runtime"},
    {Section::document, "checks"},
    {Section::document, "instances"},
    {Section::document, "per_node"},
    {Section::document, "sync_groups"},
    {Section::document, "notify"},

    {Section::instance, "interface"},
    {Section::instance, "vrid"},
    {Section::instance, "version"},
    {Section::instance, "priority"},
    {Section::instance, "advert_interval"},
    {Section::instance, "password"},
    {Section::instance, "checksum"},
    {Section::instance, "preempt"},
    {Section::instance, "preempt_delay"},
    {Section::instance, "return_after"},
    {Section::instance, "timers"},
    {Section::instance, "lease"},
    {Section::instance, "announce"},
    {Section::instance, "addresses"},
    {Section::instance, "track"},
    {Section::instance, "peers"},
    {Section::instance, "source"},
    {Section::instance, "virtual_mac"},
    {Section::instance, "mixed_versions"},
    {Section::instance, "require_link_local_first"},
    {Section::instance, "accept"},
    {Section::instance, "password_file"},
    {Section::instance, "move"},

    {Section::check, "type"},
    {Section::check, "interval"},
    {Section::check, "timeout"},
    {Section::check, "rise"},
    {Section::check, "fall"},
    {Section::check, "damping"},
    {Section::check, "restart"},
    {Section::check, "pid_file"},
    {Section::check, "name"},
    {Section::check, "address"},
    {Section::check, "send"},
    {Section::check, "expect"},
    {Section::check, "url"},
    {Section::check, "host"},
    {Section::check, "status"},
    {Section::check, "body"},
    {Section::check, "http2"},
    {Section::check, "unix_socket"},
    {Section::check, "proxy_protocol"},
    {Section::check, "tls_verify"},
    {Section::check, "tls_ca"},
    {Section::check, "tls_expiry_warning"},
    {Section::check, "stub_status"},
    {Section::check, "path"},
    {Section::check, "invert"},
    {Section::check, "command"},
    {Section::check, "user"},

    {Section::restart, "unit"},
    {Section::restart, "command"},
    {Section::restart, "when"},
    {Section::restart, "config_test"},
    {Section::restart, "before_failover"},
    {Section::restart, "limit"},
    {Section::restart, "timeout"},

    {Section::announce, "count"},
    {Section::announce, "repeat_after"},
    {Section::announce, "refresh"},

    {Section::address, "address"},
    {Section::address, "interface"},
    {Section::address, "label"},
    {Section::address, "scope"},
    {Section::address, "advertised"},

    {Section::track, "check"},
    {Section::track, "interface"},
    {Section::track, "while_down"},
    {Section::track, "weight"},

    {Section::runtime, "users"},
    {Section::runtime, "admin_group"},
    {Section::runtime_users, "vrrp"},
    {Section::runtime_users, "checker"},

    {Section::move, "command"},
    {Section::move, "user"},
    {Section::move, "on"},
    {Section::move, "timeout"},
    {Section::move, "retry"},

    {Section::notify, "commands"},
    {Section::notify, "email"},
    {Section::notify, "webhook"},

    {Section::notify_command, "name"},
    {Section::notify_command, "command"},
    {Section::notify_command, "on"},
    {Section::notify_command, "instances"},
    {Section::notify_command, "user"},
    {Section::notify_command, "timeout"},

    {Section::notify_email, "name"},
    {Section::notify_email, "to"},
    {Section::notify_email, "from"},
    {Section::notify_email, "server"},
    {Section::notify_email, "tls"},
    {Section::notify_email, "login"},
    {Section::notify_email, "password"},
    {Section::notify_email, "password_file"},
    {Section::notify_email, "ca_file"},
    {Section::notify_email, "on"},
    {Section::notify_email, "instances"},
    {Section::notify_email, "timeout"},

    {Section::notify_webhook, "name"},
    {Section::notify_webhook, "url"},
    {Section::notify_webhook, "url_file"},
    {Section::notify_webhook, "body"},
    {Section::notify_webhook, "headers"},
    {Section::notify_webhook, "signature"},
    {Section::notify_webhook, "ca_file"},
    {Section::notify_webhook, "recoveries"},
    {Section::notify_webhook, "on"},
    {Section::notify_webhook, "instances"},
    {Section::notify_webhook, "timeout"},

    {Section::notify_signature, "type"},
    {Section::notify_signature, "secret"},
    {Section::notify_signature, "secret_file"},
    {Section::notify_signature, "header"},
};

}  // namespace

std::span<const KnownKey> known_keys() { return keys; }

bool is_known_key(Section section, std::string_view key) {
  return std::any_of(std::begin(keys), std::end(keys),
                     [&](const KnownKey& known) { return known.section == section && known.key == key; });
}

std::optional<Section> home_of(std::string_view key) {
  const auto* found = std::find_if(std::begin(keys), std::end(keys), [&](const KnownKey& k) { return k.key == key; });
  if (found == std::end(keys)) return std::nullopt;
  return found->section;
}

std::string_view name_of(Section section) {
  switch (section) {
    case Section::document: return "the top of the file";
    case Section::runtime: return "`runtime`";
    case Section::runtime_users: return "`users` of `runtime`";
    case Section::check: return "a check";
    case Section::restart: return "the `restart` of a check";
    case Section::instance: return "an instance";
    case Section::announce: return "the `announce` of an instance";
    case Section::address: return "an entry of `addresses`";
    case Section::track: return "an entry of `track`";
    case Section::move: return "the `move` of an instance";
    case Section::notify: return "`notify`";
    case Section::notify_command: return "an entry of `commands` of `notify`";
    case Section::notify_email: return "an entry of `email` of `notify`";
    case Section::notify_webhook: return "an entry of `webhook` of `notify`";
    case Section::notify_signature: return "the `signature` of a webhook";
  }
  return "another part";
}

}  // namespace holdfast
