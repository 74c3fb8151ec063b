// What a pid file says and which of many processes a name means. Pure.
#pragma once

#include "common/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

using ProcessId = std::int32_t;

inline constexpr std::size_t largest_pid_file = 4096;  // some daemons write more lines after the first

// The process id on the first line of a pid file's text. The error is the rest of a sentence that begins with
// the file's name: "is empty".
Result<ProcessId> parse_pid_file(std::string_view text);

// A line of /proc/PID/stat, as far as it matters here.
struct ProcessInfo {
  ProcessId pid = 0;
  std::string name;  // the kernel keeps 15 bytes
  bool zombie = false;
  ProcessId parent = 0;
  ProcessId group = 0;
  std::uint64_t started = 0;  // ticks since the boot
  bool operator==(const ProcessInfo&) const = default;
};

// Nothing when the text is not such a line.
std::optional<ProcessInfo> parse_stat(std::string_view text);

// Whether a process of the kernel's name `kernel_name` is what the configuration calls `wanted`.
bool same_process_name(std::string_view kernel_name, std::string_view wanted);

// What dead masters may have left behind.
struct Leftovers {
  std::vector<ProcessId> masters;
  std::vector<ProcessId> children;  // theirs, when they were last seen
  bool operator==(const Leftovers&) const = default;
};

// Those of which something still lives. A process group keeps its number from being used again.
Leftovers still_there(const Leftovers& leftovers, const std::vector<ProcessInfo>& all);

// The master among the processes called `name`: the oldest of those whose parent is not called so too. Workers
// that a dead master left do not count: they lead nobody, and were its children or are in its process group.
// Nothing when there is no master.
std::optional<ProcessInfo> choose_master(const std::vector<ProcessInfo>& all, std::string_view name,
                                         const Leftovers& leftovers);

}  // namespace holdfast
