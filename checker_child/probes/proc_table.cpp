#include "checker_child/probes/proc_table.hpp"

#include "common/fd.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <sstream>

namespace holdfast {
namespace {

Error last_error() { return Error{std::strerror(errno)}; }

std::string proc_path(ProcessId pid, const char* rest) { return "/proc/" + std::to_string(pid) + rest; }

}  // namespace

Result<SmallFile> read_small_file(const std::string& path, std::size_t limit) {
  // Not blocking: somebody may have put a FIFO there.
  const Fd file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) return last_error();
  SmallFile read_so_far;
  if (fstat(file.get(), &read_so_far.identity) != 0) return last_error();
  if (!S_ISREG(read_so_far.identity.st_mode)) return Error{"it is not a regular file"};
  std::string& text = read_so_far.text;
  text.resize(limit);
  std::size_t size = 0;
  while (size < limit) {
    const ssize_t got = read(file.get(), text.data() + size, limit - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return last_error();
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return read_so_far;
}

std::vector<ProcessInfo> running_processes() {
  std::vector<ProcessInfo> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), closedir);
  if (!proc) return found;
  while (const dirent* entry = readdir(proc.get())) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    const auto stat = read_small_file(std::string("/proc/") + entry->d_name + "/stat", 1024);
    if (!stat) continue;  // gone in the meantime
    if (auto process = parse_stat(stat->text)) found.push_back(std::move(*process));
  }
  return found;
}

std::string process_name(ProcessId pid) {
  const auto name = read_small_file(proc_path(pid, "/comm"), 64);
  return name ? name->text.substr(0, name->text.find('\n')) : "";
}

std::optional<std::vector<ProcessId>> children_of(ProcessId pid) {
  const auto list = read_small_file(proc_path(pid, "/task/") + std::to_string(pid) + "/children", 64u << 10);
  if (!list) return std::nullopt;
  std::vector<ProcessId> children;
  std::istringstream words(list->text);
  for (ProcessId child = 0; words >> child;) children.push_back(child);
  return children;
}

}  // namespace holdfast
