#include "common/config/text_file.hpp"

#include "common/fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace holdfast {

Result<TextFile> read_text_file(const std::string& path, std::size_t limit) {
  // Non-blocking: opening a pipe that nobody writes to must not hold the daemon.
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file && errno == ENOENT) return Error{"there is no such file; create it, or name another"};
  if (!file && errno == EACCES && ::geteuid() == 0) {
    // Without the capability to pass over modes, which the daemon does without, root is a user like others.
    return Error{"can't be read: it is not root's (try: chown root " + path + ")"};
  }
  if (!file) return Error{"can't be read: " + std::system_category().message(errno) + "; check its owner and mode"};
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return Error{"is no regular file; name the file itself"};
  }
  TextFile result{std::string(limit + 1, '\0'), (status.st_mode & S_IROTH) != 0};
  std::size_t length = 0;
  while (length < result.text.size()) {
    const ssize_t got = ::read(file.get(), result.text.data() + length, result.text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error{"can't be read: " + std::system_category().message(errno)};
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  result.text.resize(length);
  return result;
}

}  // namespace holdfast
