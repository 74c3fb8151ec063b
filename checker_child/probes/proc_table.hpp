// What /proc tells about processes.
#pragma once

#include "checker_child/core/processes.hpp"
#include "common/result.hpp"

#include <sys/stat.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

struct SmallFile {
  std::string text;
  struct stat identity {};
};

// The first `limit` bytes of a file, without ever waiting. error().text is that of errno:
// "No such file or directory".
Result<SmallFile> read_small_file(const std::string& path, std::size_t limit);

// Every process that this user may see.
std::vector<ProcessInfo> running_processes();

// The kernel's name of a process; empty when there is no such process.
std::string process_name(ProcessId pid);

// The processes that `pid` started and that still live; nothing where the kernel does not tell.
std::optional<std::vector<ProcessId>> children_of(ProcessId pid);

}  // namespace holdfast
