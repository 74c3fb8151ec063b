// Whom to tell of what happens, and how. Pure.
#pragma once

#include "common/types.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace holdfast {

// What somebody may be told of: the states that an instance enters, and what goes wrong.
enum class NotifyEvent : std::uint8_t {
  active,
  backup,
  fault,
  stop,            // the instance leaves: the daemon stops, it is drained, or a reload has removed it
  check_down,      // also: nothing is known of it any more
  check_up,        // after it was down
  restart_failed,  // of what a check watches, also: not restarted any more
  conflict,        // something is wrong between us and another router
  conflict_over,
};

// As `on` writes them.
inline constexpr std::array<std::string_view, 9> notify_event_names{
    "active", "backup", "fault", "stop", "check_down", "check_up", "restart_failed", "conflict", "conflict_over"};

constexpr std::string_view to_string(NotifyEvent event) { return notify_event_names[static_cast<std::size_t>(event)]; }

// A program, called with keepalived's arguments.
struct NotifyCommand {
  std::vector<std::string> argv;
  std::string user;  // empty: an unused id
  bool operator==(const NotifyCommand&) const = default;
};

struct NotifyEmail {
  enum class Tls : std::uint8_t { off, starttls, smtps };
  std::vector<std::string> to;
  std::string from;
  std::string server;  // smtp://HOST:PORT or smtps://HOST:PORT
  Tls tls = Tls::starttls;
  std::string login;     // empty: none
  std::string password;  // with a login
  std::string ca;        // certificates that are trusted instead of the system's; empty: the system's
  bool operator==(const NotifyEmail&) const = default;
};

struct NotifyWebhook {
  enum class Signature : std::uint8_t { none, dingtalk, feishu, hmac_sha256 };
  std::string url;
  std::string body;  // a template of JSON, see message_template.hpp
  std::vector<std::pair<std::string, std::string>> headers;
  Signature signature = Signature::none;
  std::string secret;            // of the signature
  std::string signature_header;  // hmac_sha256: where it stands
  std::string ca;                // as above
  bool recoveries = true;        // told of the end of a problem that it was told, whatever `on` says
  bool operator==(const NotifyWebhook&) const = default;
};

struct NotifyTarget {
  std::string name;  // unique among all targets
  std::vector<NotifyEvent> on;
  std::vector<std::string> instances;  // empty: all
  Duration timeout{};                  // of one attempt
  std::variant<NotifyCommand, NotifyEmail, NotifyWebhook> how;
  bool operator==(const NotifyTarget&) const = default;
};

constexpr const char* type_name(const std::variant<NotifyCommand, NotifyEmail, NotifyWebhook>& how) {
  constexpr const char* names[] = {"command", "email", "webhook"};
  return names[how.index()];
}

// Moves what Holdfast can't: an address that a cloud's API assigns. The run must succeed, so it is repeated until it
// does, or until the state has changed.
struct MoveConfig {
  std::vector<std::string> argv;
  std::string user;                                  // empty: an unused id
  std::vector<NotifyEvent> on{NotifyEvent::active};  // transitions only
  Duration timeout = std::chrono::seconds(30);
  Duration retry = std::chrono::seconds(5);  // the pause after a failed run
  bool operator==(const MoveConfig&) const = default;
};

}  // namespace holdfast
