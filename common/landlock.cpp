#include "common/landlock.hpp"

#include "common/fd.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace holdfast {
namespace {

// The kernel's structure as of its sixth version, which older headers don't have; an older kernel takes the beginning.
struct Handled {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
  std::uint64_t scoped = 0;
};

constexpr std::uint64_t bind_tcp = 1, connect_tcp = 2;
constexpr std::uint64_t abstract_unix_sockets = 1, signals = 2;
constexpr std::uint64_t read_below = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

// How many rights over files each version knows; the last one stands for all after it.
constexpr std::array<unsigned, 5> file_rights{13, 14, 15, 15, 16};

Error failed(const std::string& what) { return Error{what + ": " + std::strerror(errno)}; }

Status allow_reading(int ruleset, const std::string& path) {
  const Fd place(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place) return {};
  struct stat kind {};
  if (fstat(place.get(), &kind) != 0) return failed(path);
  landlock_path_beneath_attr rule{};
  rule.allowed_access = S_ISDIR(kind.st_mode) ? read_below : LANDLOCK_ACCESS_FS_READ_FILE;
  rule.parent_fd = place.get();
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return failed("Landlock does not take a rule for " + path);
  }
  return {};
}

}  // namespace

Result<bool> restrict_with_landlock(const LandlockRules& rules) {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return false;
  Handled handled;
  const auto known = std::min(static_cast<std::size_t>(version), file_rights.size());
  handled.files = (std::uint64_t{1} << file_rights[known - 1]) - 1;
  std::size_t size = sizeof handled.files;
  if (version >= 4) {
    handled.network = bind_tcp | (rules.connects ? 0 : connect_tcp);
    size = offsetof(Handled, scoped);
  }
  if (version >= 6) {
    handled.scoped = signals | (rules.abstract_sockets ? 0 : abstract_unix_sockets);
    size = sizeof handled;
  }
  const Fd ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &handled, size, 0)));
  if (!ruleset) return failed("Landlock does not take its rules");
  for (const std::string& path : rules.readable) {
    if (const Status allowed = allow_reading(ruleset.get(), path); !allowed) return allowed.error();
  }
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return failed("Landlock does not begin");
  return true;
}

}  // namespace holdfast
