// Any bytes as a pid file and as lines of /proc/PID/stat: no crash, and whoever is taken for the master is one of those
// processes, alive and called so.
#include "checker_child/core/processes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

using namespace holdfast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto pid = parse_pid_file(text);
  if (pid ? *pid < 1 : pid.error().text.empty()) std::abort();

  std::vector<ProcessInfo> all;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (auto process = parse_stat(text.substr(0, end))) all.push_back(std::move(*process));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  Leftovers leftovers;
  if (!all.empty()) leftovers = {{all.front().group}, {all.back().pid}};
  const Leftovers left = still_there(leftovers, all);
  if (left.masters.size() > 1 || left.children.size() > all.size()) std::abort();
  const auto master = choose_master(all, "nginx", left);
  if (!master) return 0;
  const bool is_one = std::ranges::find(all, *master) != all.end();
  if (!is_one || master->zombie || !same_process_name(master->name, "nginx")) std::abort();
  return 0;
}
