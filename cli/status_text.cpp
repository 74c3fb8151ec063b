#include "cli/status_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string_view>
#include <unordered_set>

namespace holdfast {

namespace {

using std::chrono::seconds;

const Json& member(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

// Texts come from commands and hosts: nothing in them may steer the terminal.
std::string printable(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1_control = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1_control) ++i;
    result += byte < 0x20 || byte == 0x7f || c1_control ? '?' : text[i];
  }
  return result;
}

std::string text_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? printable(value.get_ref<const std::string&>()) : std::string();
}

std::int64_t number_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

bool flag_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_boolean() && value.get<bool>();
}

// "2026-11-22T11:30:00.123Z" in seconds since the epoch.
std::optional<std::time_t> parse_time(const std::string& text) {
  std::tm fields{};
  int length = 0;
  const int read = std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &fields.tm_year, &fields.tm_mon,
                               &fields.tm_mday, &fields.tm_hour, &fields.tm_min, &fields.tm_sec, &length);
  if (read != 6 || !text.ends_with('Z')) return std::nullopt;
  fields.tm_year -= 1900;
  fields.tm_mon -= 1;
  return ::timegm(&fields);
}

std::string local_time(std::time_t time) {
  std::tm fields{};
  std::array<char, 64> buffer{};
  if (::localtime_r(&time, &fields) == nullptr) return {};
  std::strftime(buffer.data(), buffer.size(), "%Y-%m-%d %H:%M:%S %Z", &fields);
  return buffer.data();
}

std::string milliseconds_text(std::int64_t milliseconds) {
  return milliseconds % 1000 == 0 ? fmt::format("{} s", milliseconds / 1000) : fmt::format("{} ms", milliseconds);
}

std::string times(std::int64_t count, const char* one, const char* many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

class Renderer {
 public:
  Renderer(const Json& status, const StatusTextOptions& options) : status_(status), options_(options) {}

  std::string run() {
    if (options_.instance.empty()) host();
    std::unordered_set<std::string> tracked;
    for (const Json& instance : member(status_, "instances")) {
      if (!options_.instance.empty() && text_of(instance, "name") != options_.instance) continue;
      blank_line();
      show_instance(instance);
      for (const Json& track : member(instance, "tracks")) tracked.insert(text_of(track, "check"));
    }
    for (const Json& check : member(status_, "checks")) {
      if (!options_.instance.empty() && !tracked.contains(text_of(check, "name"))) continue;
      blank_line();
      show_check(check);
    }
    if (options_.instance.empty()) {
      for (const Json& target : member(status_, "notifications")) show_notification(target);
    }
    return std::move(out_);
  }

 private:
  void host() {
    title(text_of(status_, "node"),
          "holdfastd " + text_of(status_, "version") + ", running " + since(text_of(status_, "started")));
    const Json& config = member(status_, "config");
    line("config", text_of(config, "file") + ", in force " + since(text_of(config, "loaded")));
    if (const std::string error = text_of(config, "error"); !error.empty()) {
      line("", paint("the file was not taken over at the last reload: " + error, red));
    }
    for (const Json& process : member(status_, "processes")) show_process(process);
  }

  void show_process(const Json& process) {
    const std::string state = text_of(process, "state");
    std::string text = fmt::format("{} {}", text_of(process, "role"),
                                   state == "running" ? fmt::format("runs as pid {}", number_of(process, "pid"))
                                                      : paint("is " + (state.empty() ? "?" : state), red));
    if (const std::string user = text_of(process, "user"); !user.empty()) text += ", user " + user;
    if (const auto restarts = number_of(process, "restarts"); restarts > 0) {
      text += ", " + paint("restarted " + times(restarts, "time", "times"), yellow);
    }
    line("process", text);
  }

  void show_instance(const Json& instance) {
    const std::string state = text_of(instance, "state");
    const bool away = flag_of(instance, "drained") && state == "initialize";
    std::string heading = (away ? paint("DRAINED", yellow) : paint(upper(state), color_of(state))) + " " +
                          since(text_of(instance, "since"));
    if (flag_of(instance, "handing_over")) heading += ", " + paint("handing over", yellow);
    if (flag_of(instance, "drained") && !away) heading += ", " + paint("drained", yellow);
    title(text_of(instance, "name"), heading);
    line("why", text_of(instance, "reason"));
    if (flag_of(instance, "drained")) line("drained", "stays away until: holdfast resume " + text_of(instance, "name"));
    show_router(instance);
    show_group(instance);
    show_priority(member(instance, "priority"));
    show_active_router(member(instance, "active_router"), state == "active");
    for (const Json& conflict : member(instance, "conflicts")) show_conflict(conflict);
    for (const Json& address : member(instance, "addresses")) show_address(address, state == "active");
    show_move(member(instance, "move"));
    for (const Json& track : member(instance, "tracks")) show_track(track);
  }

  void show_router(const Json& instance) {
    std::string text =
        fmt::format("vrid {} on {}, VRRP version {}, {}, an advert every {}", number_of(instance, "vrid"),
                    text_of(instance, "interface"), number_of(instance, "version"),
                    text_of(instance, "family") == "ipv6" ? "IPv6" : "IPv4",
                    milliseconds_text(number_of(instance, "advert_interval_ms")));
    std::string peers;
    for (const Json& peer : member(instance, "peers")) {
      if (peer.is_string()) peers += (peers.empty() ? "" : ", ") + printable(peer.get_ref<const std::string&>());
    }
    if (!peers.empty()) text += " to " + peers;
    if (flag_of(instance, "virtual_mac")) text += ", virtual MAC";
    line("router", text);
  }

  void show_group(const Json& instance) {
    const std::string group = text_of(instance, "sync_group");
    if (group.empty()) return;
    const std::string leader = text_of(instance, "leader");
    line("group",
         fmt::format("{}, {}", group, leader.empty() ? "for which it decides" : "goes where " + leader + " goes"));
  }

  void show_priority(const Json& priority) {
    const auto configured = number_of(priority, "configured");
    const auto effective = number_of(priority, "effective");
    std::string text = std::to_string(effective);
    if (configured != effective) text += fmt::format(", configured {}", configured);
    if (const std::string reason = text_of(priority, "reason"); !reason.empty()) text += ": " + reason;
    line("priority", text);
  }

  void show_active_router(const Json& router, bool is_this_host) {
    if (!router.is_object()) {
      line("active", "no active router heard");
      return;
    }
    line("active", fmt::format("{}{}, priority {}", text_of(router, "address"), is_this_host ? " (this host)" : "",
                               number_of(router, "priority")));
  }

  void show_conflict(const Json& conflict) {
    line("conflict", paint(text_of(conflict, "text"), red));
    line("", fmt::format("{}, {}", times(number_of(conflict, "count"), "time", "times"),
                         since(text_of(conflict, "since"))));
  }

  void show_address(const Json& address, bool is_active) {
    const bool present = flag_of(address, "present");
    const std::string where = present ? "is here" : "is not here";
    const std::string problem = text_of(address, "problem");
    line("address", fmt::format("{} on {} {}{}", text_of(address, "address"), text_of(address, "interface"),
                                present == is_active ? where : paint(where, yellow),
                                problem.empty() ? "" : ": " + paint(problem, red)));
  }

  void show_move(const Json& move) {
    if (!move.is_object()) return;
    const std::string state = text_of(move, "state");
    const std::string error = text_of(move, "last_error");
    const std::string text = state == "running"   ? "is being made"
                             : state == "waiting" ? "waits for its next attempt"
                                                  : "nothing to do";
    line("move", error.empty() ? text : paint(text + "; the last attempt failed: " + error, red));
  }

  // Only what is wrong: whom nobody complains of is told.
  void show_notification(const Json& target) {
    const std::string error = text_of(target, "last_error");
    const auto dropped = number_of(target, "dropped");
    if (error.empty() && dropped == 0) return;
    std::string text = error.empty() ? "is told again" : "could not be told: " + error;
    if (const auto queued = number_of(target, "queued"); queued > 0) text += fmt::format("; {} waiting", queued);
    if (dropped > 0) text += fmt::format("; {} lost since the start", dropped);
    blank_line();
    title("target " + text_of(target, "name"), paint(text, error.empty() ? yellow : red));
  }

  void show_track(const Json& track) {
    const std::string check = text_of(track, "check");
    const std::string subject = check.empty() ? "interface " + text_of(track, "interface") : "check " + check;
    const std::string status = text_of(track, "status");
    const Json& weight = member(track, "weight");
    const std::string effect = weight.is_number_integer() ? fmt::format("weight {}", number_of(track, "weight"))
                                                          : "while down: " + text_of(track, "while_down");
    line("track", fmt::format("{} is {} ({})", subject, paint(status, color_of(status)), effect));
  }

  void show_check(const Json& check) {
    const std::string status = text_of(check, "status");
    title("check " + text_of(check, "name"), paint(status, color_of(status)) + " " + since(text_of(check, "since")));
    if (const std::string detail = text_of(check, "detail"); !detail.empty()) line("why", detail);
    if (const std::string restart = text_of(check, "restart"); !restart.empty()) line("restart", restart);
    std::string counts =
        fmt::format("type {}, {}, {}", text_of(check, "type"), times(number_of(check, "runs"), "run", "runs"),
                    times(number_of(check, "failures"), "failure", "failures"));
    if (const auto restarts = number_of(check, "restarts"); restarts > 0) {
      counts += ", " + times(restarts, "restart", "restarts");
    }
    if (const Json& latency = member(check, "latency_ms"); latency.is_number()) {
      counts += fmt::format(", the last run took {:.1f} ms", latency.get<double>());
    }
    line("runs", counts);
  }

  // "for 5 min 3 s, since 2026-11-22 11:30:00 UTC"
  std::string since(const std::string& text) const {
    const auto time = parse_time(text);
    if (!time) return text.empty() ? "for an unknown time" : "since " + text;
    const auto now = std::chrono::system_clock::to_time_t(options_.now);
    return fmt::format("for {}, since {}", span_text(seconds(now - *time)), local_time(*time));
  }

  static constexpr const char* red = "1;31";
  static constexpr const char* green = "1;32";
  static constexpr const char* yellow = "1;33";
  static constexpr const char* bold = "1";

  static const char* color_of(std::string_view state) {
    if (state == "active" || state == "up") return green;
    if (state == "fault" || state == "down") return red;
    if (state == "backup") return bold;
    return yellow;
  }

  std::string paint(const std::string& text, const char* color) const {
    return options_.color ? fmt::format("\033[{}m{}\033[0m", color, text) : text;
  }

  static std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return text;
  }

  void title(const std::string& name, const std::string& text) {
    out_ += fmt::format("{}: {}\n", paint(name, bold), text);
  }
  void line(const char* label, const std::string& text) { out_ += fmt::format("  {:<9} {}\n", label, text); }
  void blank_line() {
    if (!out_.empty()) out_ += '\n';
  }

  const Json& status_;
  const StatusTextOptions& options_;
  std::string out_;
};

}  // namespace

std::string status_text(const Json& status, const StatusTextOptions& options) {
  return Renderer(status, options).run();
}

std::vector<std::string> instance_names(const Json& status) {
  std::vector<std::string> names;
  for (const Json& instance : member(status, "instances")) names.push_back(text_of(instance, "name"));
  return names;
}

std::string span_text(seconds span) {
  struct Unit {
    std::int64_t length;
    const char* name;
  };
  constexpr std::array<Unit, 4> units{{{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}}};
  std::int64_t rest = std::max<std::int64_t>(span.count(), 0);
  for (std::size_t i = 0; i + 1 < units.size(); ++i) {
    if (rest < units[i].length) continue;
    const std::int64_t smaller = rest % units[i].length / units[i + 1].length;
    const std::string larger = fmt::format("{} {}", rest / units[i].length, units[i].name);
    return smaller == 0 ? larger : fmt::format("{} {} {}", larger, smaller, units[i + 1].name);
  }
  return fmt::format("{} s", rest);
}

}  // namespace holdfast
