#include "checker_child/core/processes.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace holdfast {
namespace {

constexpr std::size_t kernel_name_length = 15;  // TASK_COMM_LEN without its final zero
constexpr ProcessId largest_pid = 1 << 22;      // PID_MAX_LIMIT of a 64-bit kernel

constexpr std::string_view blanks = " \t\r\n\v\f";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// What a person can read of a stranger's bytes.
std::string excerpt(std::string_view text) {
  std::string shown(text.substr(0, 20));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return "'" + shown + (text.size() > 20 ? "...'" : "'");
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool contains(const std::vector<ProcessId>& list, ProcessId pid) {
  return std::find(list.begin(), list.end(), pid) != list.end();
}

}  // namespace

Result<ProcessId> parse_pid_file(std::string_view text) {
  if (text.size() > largest_pid_file) return Error{"is too large for a pid file"};
  text = trimmed(text);
  if (text.empty()) return Error{"is empty"};
  const std::string_view line = trimmed(text.substr(0, text.find('\n')));
  const auto pid = number<std::int64_t>(line);
  if (!pid) return Error{"does not begin with a process id but with " + excerpt(line)};
  if (*pid < 1 || *pid > largest_pid) return Error{"names process " + std::to_string(*pid) + ", which cannot exist"};
  return static_cast<ProcessId>(*pid);
}

std::optional<ProcessInfo> parse_stat(std::string_view text) {
  // "PID (NAME) STATE PARENT GROUP ...": the name may itself hold blanks and parentheses.
  const auto open = text.find(" (");
  const auto close = text.rfind(") ");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  constexpr std::size_t fields_until_start_time = 20;
  std::array<std::string_view, fields_until_start_time> fields;  // from STATE on
  std::string_view rest = text.substr(close + 2);
  for (std::string_view& field : fields) {
    const auto end = rest.find_first_of(blanks);
    field = rest.substr(0, end);
    if (field.empty()) return std::nullopt;
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  const auto pid = number<ProcessId>(text.substr(0, open));
  const auto parent = number<ProcessId>(fields[1]);
  const auto group = number<ProcessId>(fields[2]);
  const auto started = number<std::uint64_t>(fields.back());
  if (!pid || !parent || !group || !started) return std::nullopt;
  return ProcessInfo{.pid = *pid,
                     .name = std::string(text.substr(open + 2, close - open - 2)),
                     .zombie = fields[0] == "Z" || fields[0] == "X",
                     .parent = *parent,
                     .group = *group,
                     .started = *started};
}

bool same_process_name(std::string_view kernel_name, std::string_view wanted) {
  return kernel_name == wanted.substr(0, kernel_name_length);
}

Leftovers still_there(const Leftovers& leftovers, const std::vector<ProcessInfo>& all) {
  Leftovers left;
  for (const ProcessInfo& process : all) {
    if (contains(leftovers.masters, process.group) && !contains(left.masters, process.group)) {
      left.masters.push_back(process.group);
    }
    if (contains(leftovers.children, process.pid)) left.children.push_back(process.pid);
  }
  return left;
}

std::optional<ProcessInfo> choose_master(const std::vector<ProcessInfo>& all, std::string_view name,
                                         const Leftovers& leftovers) {
  const auto called_so = [&](const ProcessInfo& process) {
    return !process.zombie && same_process_name(process.name, name);
  };
  const auto any_called_so = [&](auto&& also) {
    return std::any_of(all.begin(), all.end(), [&](const ProcessInfo& p) { return called_so(p) && also(p); });
  };
  const auto is_leftover = [&](const ProcessInfo& process) {
    return (contains(leftovers.masters, process.group) || contains(leftovers.children, process.pid)) &&
           !any_called_so([&](const ProcessInfo& p) { return p.parent == process.pid; });
  };

  const ProcessInfo* oldest = nullptr;
  for (const ProcessInfo& process : all) {
    if (!called_so(process) || is_leftover(process)) continue;
    if (any_called_so([&](const ProcessInfo& p) { return p.pid == process.parent; })) continue;
    if (!oldest || process.started < oldest->started) oldest = &process;
  }
  return oldest ? std::optional(*oldest) : std::nullopt;
}

}  // namespace holdfast
