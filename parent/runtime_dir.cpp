#include "parent/runtime_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace holdfast {
namespace {

// The folder and what is missing above it.
Status make_folder(const std::string& path, mode_t mode) {
  std::error_code failure;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failure);
  if (mkdir(path.c_str(), mode) == 0) {
    chmod(path.c_str(), mode);  // whatever the umask took away
    return {};
  }
  if (errno != EEXIST) return Error{"cannot make the directory " + path + ": " + std::strerror(errno)};
  if (!std::filesystem::is_directory(path, failure)) return Error{path + " exists but is not a directory"};
  return {};
}

std::string holder(int lock) {
  char text[32] = {};
  const ssize_t size = pread(lock, text, sizeof text - 1, 0);
  const std::string pid(text, size > 0 ? std::strcspn(text, "\n") : 0);
  return pid.empty() ? "" : " (pid " + pid + ")";
}

}  // namespace

Result<Fd> claim_runtime_dir(const std::string& path) {
  if (const Status made = make_folder(path, 0755); !made) return made.error();
  const std::string file = path + "/lock";
  Fd lock(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!lock) return Error{"cannot open " + file + ": " + std::strerror(errno)};
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Error{"cannot lock " + file + ": " + std::strerror(errno)};
    return Error{"another holdfastd" + holder(lock.get()) + " runs with the runtime directory " + path +
                 "; stop it first, or give this one its own with --runtime-dir"};
  }
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(lock.get(), 0) != 0 || pwrite(lock.get(), pid.data(), pid.size(), 0) < 0) {
    return Error{"cannot write " + file + ": " + std::strerror(errno)};
  }
  return lock;
}

Status make_state_dir(const std::string& path) { return make_folder(path, 0700); }

}  // namespace holdfast
